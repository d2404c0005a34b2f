"""A destination's condition and mapping by rows alone: syntax is typed only where the text is the subject."""

import re

import pytest
from playwright.sync_api import expect


@pytest.fixture
def rows_page(site, open_page):
    """A form whose fields are shown as rows, as they are for who has never chosen otherwise."""

    def show(url, width=1600, **options):
        page = open_page(url, width=width, **options)
        page.evaluate("localStorage.clear()")
        page.reload()
        expect(page.locator(".tracsync-rowset[aria-busy]")).to_have_count(0)
        return page

    return show


def rowset(page, field):
    return page.locator(f".field-{field} .tracsync-rowset")


def switch(page, field, to):
    page.get_by_role("group", name=f"Edit {field} as").get_by_role("button", name=to).click()


def test_a_destination_is_made_by_rows_alone(site, rows_page):
    page = rows_page(site.adding("crm"))
    whom, what = rowset(page, "prerequisites"), rowset(page, "mapping")
    page.locator("#id_name").fill("By rows")
    expect(whom).to_contain_text("No condition: every profile is sent.")

    whom.get_by_role("button", name="Add a condition").click()
    field = whom.get_by_label("Field").first
    expect(field).to_be_focused()
    page.keyboard.type("stats.visists")
    whom.get_by_label("Comparison").select_option("is at least")
    whom.get_by_label("Kind of value").select_option("number")
    whom.get_by_label("Value", exact=True).fill("3")
    expect(whom).to_contain_text("None of the profiles looked at (6) has this path.")
    expect(whom).to_contain_text("0 of 6 profiles")
    whom.get_by_role("button", name="Take stats.visits").click()
    expect(field).to_have_value("stats.visits")
    expect(whom).not_to_contain_text("None of the profiles")
    expect(whom.locator(".tracsync-rows-summary")).to_have_text(
        "3 of 6 profiles meet all of this and are sent."
    )

    whom.get_by_role("button", name="Add a group").click()
    inner = whom.get_by_role("group", name="Inner group")
    inner.get_by_label("Field").fill("mail")
    inner.get_by_label("Comparison").select_option("exists")
    inner.get_by_role("button", name="Add a condition").click()
    inner.get_by_label("Field").last.fill("name")
    inner.get_by_label("Comparison").last.select_option("is one of")
    inner.get_by_label("Value", exact=True).fill("Name 4, Nobody")
    text = 'profile@stats.visits >= 3\nAND (profile@mail EXISTS OR profile@name IN ["Name 4", "Nobody"])'
    expect(page.locator("#id_prerequisites")).to_have_value(text)
    expect(inner.locator(".tracsync-share").first).to_have_text("4 of 6 profiles")

    key = what.get_by_label("Their field")
    expect(key).to_have_value("id")
    what.get_by_role("button", name="Remove this row").click()
    what.get_by_role("button", name="Add a field").click()
    key.focus()
    offered = page.locator("#tracsync-targets option")
    assert offered.evaluate_all("all => all.map(one => one.value)") == [
        "email",
        "emergency",
        "address.city",
        "plan",
    ]
    key.fill("email")
    what.get_by_label("Our field", exact=True).fill("mail")
    what.get_by_label("optional").check()
    what.get_by_role("button", name="Add a field").click()
    what.get_by_role("button", name="Remove this row").last.click()
    unused = what.locator(".tracsync-unused")
    expect(unused).to_have_text(["emergency", "address", "plan"])
    what.get_by_role("button", name="plan", exact=True).click()
    expect(what.get_by_label("Our field", exact=True).last).to_be_focused()
    expect(key.last).to_have_value("plan")
    expect(unused).to_have_text(["emergency", "address"])
    what.get_by_label("Made of").last.select_option("choice")
    what.get_by_label("Our field", exact=True).last.fill("name")
    what.get_by_label("If our field is").fill("Name 1")
    what.get_by_label("Value", exact=True).fill("gold")
    what.get_by_role("button", name="Add a field").click()
    key.last.fill("frequent")
    what.get_by_label("Made of").last.select_option("condition")
    what.get_by_label("Field", exact=True).fill("stats.visits")
    what.get_by_label("Comparison").select_option("is less than")
    asked = what.locator(".is-asked")
    asked.get_by_label("Kind of value").select_option("number")
    asked.get_by_label("Value", exact=True).fill("2")
    what.get_by_label("Value", exact=True).last.fill("rarely")
    page.locator("#preview-id").fill("p1")
    expect(what.locator(".tracsync-evidence").nth(0)).to_have_text('"p1@x.example"')
    expect(what.locator(".tracsync-evidence").nth(1)).to_have_text('"gold"')
    expect(what.locator(".tracsync-evidence").nth(2)).to_have_text('"rarely"')
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator(".messagelist").get_by_text("is saved")).to_be_visible()
    expect(page.locator("#id_prerequisites")).to_have_value(text)
    expect(page.locator("#id_mapping")).to_have_value(
        re.compile(r'"email\?": "profile@mail",\s+"plan": \{\s+"\$lookup": "profile@name"')
    )
    expect(rowset(page, "prerequisites").get_by_label("Field")).to_have_count(3)


def test_text_and_rows_are_two_ways_to_see_the_same(site, rows_page, editor):
    page = rows_page(site.destination("plain"))
    whom = rowset(page, "prerequisites")
    expect(whom.get_by_label("Field")).to_have_value("mail")
    editor(page, "Prerequisites")
    text = 'profile@mail EXISTS and lowercase(profile@name) == "x"'
    page.keyboard.insert_text(text)
    switch(page, "Prerequisites", "Rows")
    expect(whom.get_by_label("Part of the condition as text")).to_have_value('lowercase(profile@name) == "x"')
    expect(whom).to_contain_text("stays text")
    expect(page.locator("#id_prerequisites")).to_have_value(text)  # looking at it changes nothing
    whom.get_by_label("Comparison").select_option("does not exist")
    switch(page, "Prerequisites", "Text")
    anew = 'profile@mail NOT EXISTS\nAND lowercase(profile@name) == "x"'
    expect(page.locator("#id_prerequisites")).to_have_value(anew)
    expect(page.locator(".field-prerequisites .cm-content")).to_contain_text("profile@mail NOT EXISTS")
    page.reload()  # what was chosen is remembered, for each of the two
    expect(page.locator(".field-prerequisites .cm-content")).to_be_visible()
    expect(rowset(page, "mapping")).to_be_visible()
    editor(page, "Prerequisites")
    page.keyboard.insert_text("profile@mail =")
    switch(page, "Prerequisites", "Rows")
    expect(page.locator(".field-prerequisites .tracsync-rows-note")).to_have_text(
        "Rows cannot show this text: it has a mistake: mend it as text first"
    )
    expect(page.locator(".field-prerequisites .cm-content")).to_be_visible()


def test_what_is_half_filled_in_is_not_saved(site, rows_page):
    page = rows_page(site.destination("plain"))
    whom = rowset(page, "prerequisites")
    whom.get_by_role("button", name="Add a condition").click()
    whom.get_by_label("Value", exact=True).fill("x")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(whom.get_by_label("Field").last).to_be_focused()
    expect(whom.get_by_label("Field").last).to_have_attribute("aria-invalid", "true")
    expect(whom).to_contain_text("Choose a field.")
    whom.get_by_role("button", name="Remove this row").last.click()
    whom.get_by_label("Comparison").select_option("is filled in")
    page.get_by_role("button", name="Save and continue editing").click()  # at once: the text is waited for
    expect(page.get_by_role("heading", name="Before you save")).to_be_visible()
    expect(page.get_by_text("profile@mail NOT EMPTY").first).to_be_visible()


def test_the_keyboard_alone_fills_in_a_row(site, rows_page):
    page = rows_page(site.adding())
    page.get_by_role("group", name="Edit Prerequisites as").get_by_role("button", name="Rows").focus()
    for key in ("Tab", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    page.keyboard.type("stats.visits")
    page.keyboard.press("Tab")
    page.keyboard.type("is greater")
    page.keyboard.press("Tab")
    page.keyboard.type("1")
    expect(page.locator("#id_prerequisites")).to_have_value("profile@stats.visits > 1")


def test_the_kind_of_a_field_counts_also_where_it_is_told_late(site, rows_page):
    page = rows_page(site.adding())
    held = []
    page.route(re.compile("[?&]find="), lambda route: held.append(route))
    rowset(page, "prerequisites").get_by_role("button", name="Add a condition").click()
    for text in ("stats.visits", "is greater", "1"):
        page.keyboard.type(text)
        if text != "1":
            page.keyboard.press("Tab")
    condition = page.locator("#id_prerequisites")
    expect(condition).to_have_value('profile@stats.visits > "1"')
    for route in held:
        route.continue_()
    page.unroute_all()
    expect(condition).to_have_value("profile@stats.visits > 1")
    page.keyboard.type("2")
    expect(condition).to_have_value("profile@stats.visits > 12")


def test_rows_take_nothing_while_they_are_read_anew(site, rows_page):
    """What is typed into rows that are about to be replaced was lost."""
    page = rows_page(site.destination("plain"))
    what = rowset(page, "mapping")
    held = []
    switch(page, "Mapping", "Text")
    page.route("**/rows/**", lambda route: held.append(route))
    switch(page, "Mapping", "Rows")
    expect(what).to_have_attribute("inert", "")
    page.keyboard.press("Tab")  # the keyboard goes past them, too
    assert held
    assert what.locator(":focus").count() == 0
    for route in held:
        route.continue_()
    page.unroute_all()
    expect(what).not_to_have_attribute("inert", "")
    what.get_by_role("button", name="Add a field").last.click()
    what.get_by_label("Our field", exact=True).last.fill("x")
    expect(what).to_contain_text("Name their field.")


def write(page, field, text):
    """As text, without an editor's suggestions, which are looked at elsewhere."""
    page.locator(f"#id_{field.lower()}").evaluate("(area, text) => { area.value = text; }", text)
    switch(page, field, "Text")
    switch(page, field, "Rows")


@pytest.mark.parametrize("width", [390, 1280])
def test_rows_have_no_barriers(width, site, rows_page, barriers):
    page = rows_page(site.destination("plain"), width=width, bypass_csp=True)
    condition = (
        'profile@maill EXISTS AND (profile@name IN ["a"] OR datetime(profile@d) >= datetime("2026-01-01"))'
        ' AND lowercase(profile@name) == "x" AND profile@n == true'
    )
    mapping = (
        '{"a?": "`profile@mail`", "b": {"c": 1, "t": "{{profile@name}}!"}, "l": [1],'
        ' "f": {"$formula": "now()"}, "k": {"$lookup": "profile@name", "in": {"x": true}, "else": null},'
        ' "i": {"$if": "profile@nmae == \'x\'", "then": 1, "else": "profile@id"}}'
    )
    write(page, "Prerequisites", condition)
    write(page, "Mapping", mapping)
    rowset(page, "mapping").get_by_role("button", name="Add a field").last.click()
    rowset(page, "mapping").get_by_label("Our field", exact=True).last.fill("x")
    expect(rowset(page, "mapping")).to_contain_text("Name their field.")
    expect(rowset(page, "prerequisites")).to_contain_text("Take mail")
    expect(page.locator(".tracsync-share")).to_have_count(6)
    assert barriers(page, impacts=("minor", "moderate", "serious", "critical"), widths=[width]) == []
