"""Conditions and mappings as rows that people fill in, and back: the text stays the truth.

    rows = condition_rows.read('profile@stats.visits > 3')  # Group("all", (Question("stats.visits", ...),))
    condition_rows.write(rows).text  # 'profile@stats.visits > 3'

What rows cannot show is a row that holds its text. Nothing is shown as rows before writing them again was
seen to give the same tree.
"""
