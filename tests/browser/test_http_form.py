"""The form of an HTTP API: headers as rows, folds, and answer rules that are tried."""

import json

import pytest
from playwright.sync_api import expect

RULES = [{"when": {"if": "answer@ok == false"}, "is": "rejected", "says": "{{answer@why}}"}]


@pytest.fixture
def page(site, open_page):
    return open_page(site.destination("plain"))


def rows(page):
    return page.get_by_role("group", name="Headers", exact=True)


def headers(page):
    return json.loads(page.locator("[name='settings.headers']").input_value() or "{}")


def test_headers_are_rows(page):
    expect(page.locator("[name='settings.headers']")).to_be_hidden()
    expect(page.locator(".form-row", has=rows(page))).not_to_contain_text("As JSON")
    for name, value in (
        ("X-A", "1"),
        ("X-B", "{{delivery@key}}"),
        ("X-C", '{"$formula": "uppercase(delivery@key)"}'),
    ):
        rows(page).get_by_role("button", name="Add a row").click()
        page.keyboard.type(name)
        rows(page).get_by_label("Headers: Value").last.fill(value)
    assert headers(page) == {
        "X-A": "1",
        "X-B": "{{delivery@key}}",
        "X-C": {"$formula": "uppercase(delivery@key)"},
    }
    rows(page).get_by_role("button", name="Remove").first.click()
    assert list(headers(page)) == ["X-B", "X-C"]


def test_tags_are_fields_of_their_own(site, open_page):
    page = open_page(site.adding())
    tags = page.get_by_role("group", name="Tags")
    expect(page.locator("#id_tags")).to_be_hidden()
    tags.get_by_role("button", name="Add a tag").click()
    page.keyboard.type("crm")
    page.keyboard.press("Enter")
    page.keyboard.type("sales, europe")
    expect(page.locator("#id_tags")).to_have_value("crm, sales, europe")
    tags.get_by_role("button", name="Remove").first.click()
    expect(page.locator("#id_tags")).to_have_value("sales, europe")


def test_the_rest_is_folded_and_unfolds(page):
    size = page.get_by_label("Batch: Size")
    expect(size).to_be_hidden()
    page.locator("summary", has_text="Batches").click()
    expect(size).to_be_visible()


def test_a_rule_is_tried_against_a_pasted_answer(page):
    page.locator("summary", has_text="Answers").click()
    page.locator("[name='settings.answers']").fill(json.dumps(RULES))
    trial = page.get_by_role("region", name="Try the answer rules")
    trial.get_by_role("textbox").fill('HTTP 200\n\n{"ok": false, "why": "<img src=x>"}')
    trial.get_by_role("button", name="Try").click()
    expect(trial).to_contain_text("Outcome: rejected")
    expect(trial).to_contain_text("yes: it decides")
    expect(trial).to_contain_text("<img src=x>")
    expect(trial.locator("img")).to_have_count(0)


def test_rules_are_tried_without_javascript(site, open_page):
    page = open_page(site.destination("plain"), java_script_enabled=False)
    page.locator("summary", has_text="Answers").click()
    page.locator("[name='settings.answers']").fill(json.dumps(RULES))
    page.get_by_label("An answer: its status").fill('HTTP 200\n\n{"ok": false, "why": "no <b>"}')
    page.get_by_label("Name:", exact=True).fill("")  # what cannot be saved can be tried
    for button, outcome in (("Try", "rejected"), ("Take the last real answer", "accepted")):
        with page.expect_popup() as opened:
            page.get_by_role("button", name=button, exact=True).click()
        expect(opened.value.locator(".tracsync-verdict")).to_contain_text(f"Outcome: {outcome}")
        opened.value.close()
    expect(page.locator("[name='settings.answers']")).to_have_value(json.dumps(RULES))


def test_the_last_real_answer_is_taken(page):
    trial = page.get_by_role("region", name="Try the answer rules")
    trial.get_by_role("button", name="Take the last real answer").click()
    expect(trial).to_contain_text("Outcome: accepted")


def test_a_preset_fills_in_the_form(page):
    page.locator("summary", has_text="Begin with a common shape").click()
    page.get_by_role("link", name="REST: create and update").click()
    expect(page.locator("[name='settings.path']")).to_have_value("/contacts")
    expect(page.locator("summary", has_text="Remote id")).to_have_count(1)


@pytest.mark.parametrize("width", [390, 1280])
def test_secret_headers_are_rows_whose_values_are_masked(site, open_page, width):
    page = open_page(site.url(f"destinations/resource/{site.found['crm']}/change/"), width=width)
    secret = page.get_by_role("group", name="Secret headers").first
    typed = page.locator("[name='production.headers']")
    for name, value in (("X-Key", "one"), ("X-Old", "two")):
        secret.get_by_role("button", name="Add a row").click()
        page.keyboard.type(name)
        secret.get_by_label("Secret headers: Value").last.fill(value)
    page.get_by_role("button", name="Save and continue").click()
    expect(page.locator(".messagelist .success")).to_be_visible()
    names, values = (secret.get_by_label(f"Secret headers: {one}") for one in ("Name", "Value"))
    expect(typed).to_have_value("")
    expect(names).to_have_count(2)
    expect(values.first).to_have_value("********")
    values.last.click()
    page.keyboard.type("three")
    expect(values.last).to_have_value("three")
    assert json.loads(typed.input_value()) == {"X-Key": "********", "X-Old": "three"}
    secret.get_by_role("button", name="Remove X-Old").click()
    secret.get_by_role("button", name="Remove X-Key").click()
    page.get_by_role("button", name="Save and continue").click()
    expect(page.locator("#content")).to_contain_text("Secret headers: X-Key (production)")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(".messagelist .success")).to_be_visible()
    expect(secret.get_by_role("textbox")).to_have_count(0)


def test_no_row_is_left_out_silently(page):
    add = rows(page).get_by_role("button", name="Add a row")
    names, values = rows(page).get_by_label("Headers: Name"), rows(page).get_by_label("Headers: Value")
    for name, value in (("X-A", "1"), ("", "2")):
        add.click()
        names.last.fill(name)
        values.last.fill(value)
    save = page.get_by_role("button", name="Save and continue editing")
    save.click()
    expect(names.last).to_be_focused()
    assert names.last.evaluate("one => one.validity.valueMissing")
    names.last.fill("X-A")
    page.locator("#id_name").focus()
    save.click()
    expect(names.last).to_be_focused()
    assert names.last.evaluate("one => one.validationMessage") == "Another row has this name."
    rows(page).get_by_role("button", name="Remove").first.click()
    assert names.last.evaluate("one => one.validity.valid")
    assert headers(page) == {"X-A": "2"}
