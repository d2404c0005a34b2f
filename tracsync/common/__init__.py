"""The ground floor: times, numbers, bounded lists, jobs, filters, messages, encryption."""
