"""Writing prerequisites and a mapping with the editors' help."""

import re

import pytest
from playwright.sync_api import expect

WRONG = ".cm-lintRange-error"


def said(page, field):
    return page.locator(f".field-{field} .tracsync-said")


def suggested(page):
    return page.get_by_role("listbox").get_by_role("option")


def test_a_broken_condition_is_mended_with_the_editors_help(site, open_page, editor):
    page = open_page(site.destination("editor"))
    box = editor(page, "Prerequisites")
    page.keyboard.type("profile@mail EXISTS AND profile@stats.visits >< 3")
    expect(page.locator(f".field-prerequisites {WRONG}")).to_have_text("<")
    expect(said(page, "prerequisites")).to_contain_text("Line 1, column 47")
    expect(said(page, "prerequisites")).to_contain_text("Hint: comparisons are ==")
    expect(box).to_have_attribute("aria-invalid", "true")
    editor(page, "Prerequisites")
    page.keyboard.type("profile@st")
    expect(suggested(page)).to_have_text(
        ["profile@statsan object, in 5 of 6", "profile@stats.visitsa number, in 5 of 6"]
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type(" > 3")
    expect(said(page, "prerequisites")).to_be_empty()
    expect(page.locator(WRONG)).to_have_count(0)
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_role("button", name="Save only").click()
    expect(page.locator("#id_prerequisites")).to_have_value("profile@stats.visits > 3")
    expect(page.locator(".messagelist").get_by_text("is saved")).to_be_visible()


def test_a_mapping_is_coloured_completed_and_checked(site, open_page, editor):
    page = open_page(site.adding())
    editor(page, "Mapping")
    page.keyboard.insert_text(
        '{\n  "who": "profile@id",\n  "n": {"$if": "profile@stats.visits > 2", "then": `1`}\n}'
    )
    expect(said(page, "mapping")).to_contain_text("Line 3, column 52: not JSON")
    expect(page.locator(".field-mapping .tracsync-tok-field").first).to_have_text("profile@id")
    expect(page.locator(".field-mapping .tracsync-tok-keyword").first).to_have_text('"$if"')
    editor(page, "Mapping")
    page.keyboard.insert_text('{"who": "profile@..id"}')
    expect(page.locator(f".field-mapping {WRONG}")).to_be_visible()
    expect(said(page, "mapping")).to_contain_text("$.who: ")
    editor(page, "Mapping")
    page.keyboard.insert_text('{"who": "')
    page.keyboard.type("profile@ma")
    expect(suggested(page)).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.insert_text('"}')
    expect(page.locator("#id_mapping")).to_have_value('{"who": "profile@mail"}')
    expect(said(page, "mapping")).to_be_empty()


def test_fields_of_the_other_system_are_suggested_as_keys(site, open_page, editor):
    page = open_page(site.adding("crm"))
    editor(page, "Mapping")
    page.keyboard.insert_text('{"')
    page.keyboard.type("em")
    expect(suggested(page)).to_have_text(["emailEmail, text", "emergencyEmergency, text"])
    page.keyboard.press("Tab")
    page.keyboard.insert_text('": "profile@mail"}')
    expect(page.locator("#id_mapping")).to_have_value('{"email": "profile@mail"}')


def test_functions_are_suggested_with_their_arguments(site, open_page, editor):
    page = open_page(site.adding())
    editor(page, "Prerequisites")
    page.keyboard.type("lowerc")
    expect(suggested(page)).to_have_text(["lowercase(value)"])
    page.keyboard.press("Tab")
    page.keyboard.insert_text("profile@mail")
    expect(page.locator("#id_prerequisites")).to_have_value("lowercase(profile@mail)")


def test_fields_of_items_are_suggested_wherever_there_are_items(site, open_page, editor):
    page = open_page(site.adding())
    editor(page, "Mapping")
    page.keyboard.insert_text('{"o": {"$map": "profile@orders", "to": {"l": {"$map": "item@lines", "to": "')
    page.keyboard.type("item@")
    expect(suggested(page)).to_have_text(["item@eannumber as text, in 5 of 6"])
    editor(page, "Mapping")
    page.keyboard.insert_text('{"o": {"$map": "profile@orders", "to": "')
    page.keyboard.type("item@s")
    expect(suggested(page)).to_have_text(["item@skutext, in 5 of 6"])
    page.keyboard.press("Tab")
    page.keyboard.insert_text('"}}')
    expect(page.locator("#id_mapping")).to_have_value('{"o": {"$map": "profile@orders", "to": "item@sku"}}')
    editor(page, "Prerequisites")
    page.keyboard.insert_text("count(filter(profile@orders, ")
    page.keyboard.type("it")
    expect(suggested(page).first).to_contain_text("item@")
    page.keyboard.press("Tab")
    page.keyboard.type("s")
    expect(suggested(page)).to_have_text(["item@skutext, in 5 of 6"])
    editor(page, "Prerequisites")
    page.keyboard.type("item@s")
    expect(suggested(page)).to_have_count(0)


def test_the_keyboard_gets_out_of_an_editor(site, open_page, editor):
    page = open_page(site.adding())
    editor(page, "Mapping")
    box = editor(page, "Prerequisites")
    page.keyboard.type("profile@ma")
    expect(page.get_by_role("listbox")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_have_count(0)
    expect(box).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="How to write it").last).to_be_focused()  # beside the mapping
    for _switch in ("Rows", "Text"):
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("textbox", name="Mapping")).to_be_focused()
    page.keyboard.press("Escape")
    for _back in range(4):
        page.keyboard.press("Shift+Tab")
    expect(box).to_be_focused()
    expect(page.locator("#id_prerequisites")).to_have_value("profile@ma")


def test_coloured_text_is_typed_over_without_breaking_the_policy(site, open_page, editor):
    page = open_page(site.destination("plain"))
    editor(page, "Prerequisites")
    page.keyboard.type("(profile@mail EXISTS")
    expect(page.locator("#id_prerequisites")).to_have_value("(profile@mail EXISTS)")


def test_what_is_typed_can_be_undone(site, open_page, editor):
    page = open_page(site.destination("plain"))
    editor(page, "Prerequisites", select=False)
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("Delete")
    expect(page.locator("#id_prerequisites")).to_have_value("")
    page.keyboard.press("ControlOrMeta+z")
    expect(page.locator("#id_prerequisites")).to_have_value("profile@mail EXISTS")


@pytest.mark.parametrize("width", [390, 1600])
def test_no_page_is_wider_than_its_window(width, site, open_page):
    for url in (site.destination("plain"), site.adding(), site.destination("plain", "preview/?profile=p1")):
        page = open_page(url, width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_javascript_the_plain_fields_work(site, open_page):
    page = open_page(site.destination("plain"), java_script_enabled=False)
    expect(page.locator("#preview")).to_be_hidden()
    page.locator("#id_prerequisites").fill("profile@ >")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator(".field-prerequisites .errorlist")).to_contain_text("line 1, column 9")
    page.locator("#id_prerequisites").fill("profile@mail EXISTS")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator(".messagelist").get_by_text("is saved")).to_be_visible()
    page.get_by_label("Preview with profile").fill("p2")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".tracsync-verdict")).to_contain_text("profile@mail is missing")


def test_what_is_probably_not_meant_is_said_and_is_no_mistake(site, open_page, editor):
    page = open_page(site.adding())
    editor(page, "Mapping")
    page.keyboard.insert_text('{\n  "who": "Profile@id",\n  "n": "profile@mial"\n}')
    expect(said(page, "mapping")).to_contain_text("Warning, Line 2, column 11: $.who: ")
    expect(said(page, "mapping")).to_contain_text("the nearest that some have is profile@mail")
    expect(page.locator(".field-mapping .cm-lintRange-warning").first).to_be_visible()
    expect(page.locator(f".field-mapping {WRONG}")).to_have_count(0)
    expect(page.locator(".field-mapping .cm-content")).to_have_attribute("aria-invalid", "false")


def test_names_of_items_and_their_numbers_are_coloured_and_suggested(site, open_page, editor):
    page = open_page(site.adding())
    editor(page, "Mapping")
    text = '{"o": {"$map": "profile@orders", "as": "order", "to": {"l": {"$map": "order@lines", "to": "'
    page.keyboard.insert_text(text)
    expect(page.locator(".field-mapping .tracsync-tok-field").last).to_have_text("order@lines")
    page.keyboard.type("order@l")
    expect(suggested(page).first).to_contain_text("order@lines")
    editor(page, "Mapping")
    page.keyboard.insert_text(text)
    page.keyboard.type("loop@")
    expect(suggested(page)).to_have_text(["loop@indexits number, from 0", "loop@numberits number, from 1"])
    page.keyboard.press("Tab")
    expect(page.locator("#id_mapping")).to_have_value(re.compile("loop@index"))


def test_fields_of_the_other_system_are_offered_where_they_belong(site, open_page, editor):
    """Within an object those of that object, and as values those that a field takes."""
    page = open_page(site.adding("crm"))
    editor(page, "Mapping")
    page.keyboard.insert_text('{"address": {"street": "Hill", "')
    page.keyboard.type("c")
    expect(suggested(page)).to_have_text(["citytext, unique"])
    editor(page, "Mapping")
    page.keyboard.insert_text('{"')
    page.keyboard.type("addr")
    expect(suggested(page)).to_have_text(["address{ }"])
    editor(page, "Mapping")
    page.keyboard.insert_text('{"plan?": "')
    page.keyboard.type("g")
    expect(suggested(page)).to_have_text(["golda value that it takes"])
    page.keyboard.press("Tab")
    expect(page.locator("#id_mapping")).to_have_value(re.compile('"plan\\?": "gold'))


@pytest.mark.parametrize("delay", [0, 300])
@pytest.mark.parametrize("where", ["Prerequisites", "Mapping"])
def test_who_types_slowly_gets_the_same_suggestions(site, open_page, editor, where, delay):
    """Also where words were suggested while the name before the @ was typed."""
    page = open_page(site.adding())
    editor(page, where)
    lists = {
        "Prerequisites": "count(filter(profile@orders, ",
        "Mapping": '{"o": {"$map": "profile@orders", "where": "',
    }
    page.keyboard.insert_text(lists[where])
    page.keyboard.type("item@", delay=delay)
    expect(suggested(page).nth(1)).to_have_text("item@skutext, in 5 of 6")
    page.keyboard.type("s", delay=delay)
    expect(suggested(page).first).to_have_text("item@skutext, in 5 of 6")
