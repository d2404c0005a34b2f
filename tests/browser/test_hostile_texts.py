"""Every page of the admin, with hostile names, ids, documents, answers and files, in a browser.

Pages are taken from the URL configuration: a new one is walked through from its first day.
"""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Error

from tests.attacks.texts import HOSTILE
from tests.browser.conftest import Visitor
from tests.harness import ROOT, Installation, free_port

MANIFESTS = ROOT / "destinations" / "connectors" / "manifests"
PLANT = """
import json
from tests.attacks.planting import plant
print(json.dumps(plant({url!r}), default=str))
"""
# All addresses that can be asked for, each with the objects that are there; `act/` is posted to.
WALK = """
import json
from contextlib import suppress
from urllib.parse import quote as percent
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.urls import NoReverseMatch, URLPattern, reverse
found = json.loads({found!r})

def patterns(some):
    for one in some:
        yield from [one] if isinstance(one, URLPattern) else patterns(one.url_patterns)

names = sorted({{one.name for one in patterns(admin.site.get_urls()) if one.name}})
unseen, urls = [], []
for name in names:
    own = next((pk for label, pk in found.items() if name.startswith(label + "_")), None)
    given = ["retry", "destinations"] if own is None or name.endswith("_again") else [quote(own)]
    tries = [[], *([one] for one in given), [given[0], found["destinations_destination"]]]
    addresses = set()
    for args in tries:
        with suppress(NoReverseMatch):
            addresses.add(reverse("admin:" + name, args=args))
    if not addresses:
        unseen.append(name)
    urls += sorted(addresses)
print(json.dumps([urls, unseen]))
"""
LEFT_OUT = ("logout/", "/act/", "/live/", "jsi18n")  # answers of other methods, or no pages
SEARCHED = ("search/", "docs/", "profiles/profile/", "destinations/destination/", "destinations/extension/")
WATCH = """
window.obeyed = [];
window.hacked = () => window.obeyed.push("executed");
addEventListener("securitypolicyviolation", one => obeyed.push(`${one.violatedDirective} ${one.sample}`));
"""
# Everything that a text could have become: elements of its own, handlers, scripts, addresses that run.
LOOK = """() => {
    const places = ["href", "src", "action", "formaction", "xlink:href"];
    const runs = text => /^[\\s\\x00-\\x20]*(javascript|data:text|vbscript)/i.test(text || "");
    const within = root => [...root.querySelectorAll("*")].flatMap(
        one => [one, ...(one.localName == "template" ? within(one.content) : [])]);
    const isText = one => one.src || one.nonce || /json/.test(one.type) || !one.textContent.trim();
    const found = within(document).filter(one =>
        ["xss-probe", "iframe"].includes(one.localName)
        || [...one.attributes].some(two => two.name.startsWith("on"))
        || places.some(name => runs(one.getAttribute(name)))
        || one.localName === "script" && !isText(one));
    const typed = [...document.querySelectorAll("input, textarea")].map(one => one.value).join();
    const text = document.documentElement.textContent;
    return {
        obeyed: window.obeyed || [],
        injected: found.map(one => one.outerHTML.slice(0, 160)),
        rendered: text.includes("31338"),
        shown: (text + typed).includes("xss-probe"),
    };
}"""


@pytest.fixture(scope="module")
def planted(browser, tmp_path_factory):
    directory = tmp_path_factory.mktemp("hostile")
    _connectors(directory / "connectors")
    installation = Installation(directory, TRACSYNC_ATTEMPT_BODIES="all")
    try:
        visitor = Visitor(browser, installation)
        url = f"http://127.0.0.1:{free_port()}/hook"
        visitor.found = json.loads(visitor.python(PLANT.format(url=url)))
        yield visitor
    finally:
        installation.stop()


def _connectors(folder: Path) -> None:
    """One that can be used, and says hostile things in all its texts, and one that cannot."""
    folder.mkdir()
    content = json.loads((MANIFESTS / "teams.json").read_text())
    content |= {"slug": "hostile", "name": HOSTILE[0], "description": HOSTILE[1]}
    field = content["credentials"]["properties"]["webhook_url"]
    field |= {"title": HOSTILE[2], "description": HOSTILE[3], "hint": HOSTILE[4]}
    content["presets"][0] |= {"name": HOSTILE[0], "description": HOSTILE[1]}
    (folder / "hostile.json").write_text(json.dumps(content))
    (folder / "broken.json").write_text(json.dumps({**content, "slug": "broken", HOSTILE[0]: HOSTILE[1]}))


def test_what_becomes_a_part_of_a_page_is_seen(planted):
    page = planted.open(planted.url("preferences/"))
    for text in HOSTILE[:4]:
        page.set_content(text.replace("</script>", "", 1))
        assert page.evaluate(LOOK)["injected"], text
    page.set_content(f"<a href='{HOSTILE[4]}'>x</a>")
    assert page.evaluate(LOOK)["injected"]
    planted.complaints.clear()


def test_no_text_becomes_a_part_of_a_page(planted):
    urls, unseen = json.loads(planted.python(WALK.format(found=json.dumps(planted.found))))
    assert unseen == []
    destination, resource = planted.found["destinations_destination"], planted.found["destinations_resource"]
    urls += [
        f"/admin/destinations/destination/{destination}/preview/?profile={HOSTILE[0][:3]}",
        f"/admin/destinations/destination/add/?resource={resource}",
        "/admin/destinations/resource/add/?type=hostile",
        "/admin/destinations/extension/hostile/change/",
        *(f"/admin/{where}?q={quote(HOSTILE[0])}" for where in SEARCHED),
    ]
    page = planted.open(planted.url(""))
    page.add_init_script(WATCH)
    page.on("dialog", lambda dialog: (planted.complaints.append("a dialog"), dialog.dismiss()))
    wrong, shown = {}, 0
    for url in dict.fromkeys(urls):
        if any(part in url for part in LEFT_OUT):
            continue
        planted.complaints.clear()
        answer = _opened(page, planted.base + url)
        if answer is None:
            continue
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        found = page.evaluate(LOOK)
        shown += found["shown"]
        told = [one for one in planted.complaints if "Failed to load resource" not in one]
        said = [*found["obeyed"], *found["injected"], *told, *(["rendered"] if found["rendered"] else [])]
        if answer.status >= 500:
            said.append(f"status {answer.status}")
        if said:
            wrong[url] = said
    assert wrong == {}
    assert shown > 30  # what was planted is seen


def _opened(page, url):
    """What a page is answered with; None for a file, which is nothing that a browser shows."""
    try:
        return page.goto(url)
    except Error as error:
        if "Download is starting" in str(error):
            return None
        raise
