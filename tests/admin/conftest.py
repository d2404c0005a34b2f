"""What the admin's tests start from: installed extensions, a resource, a destination, a profile."""

import pytest
from django.utils import timezone

from destinations import configuration
from destinations.models import Destination, Extension, Resource
from profiles.models import Profile
from tracsync import urls  # noqa: F401 - with them the pages register

SECRET = "PLANTED-SECRET-7f3a"
SECRET_URL = f"https://user:{SECRET}@receiver.example.com/{SECRET}/hook?key={SECRET}"


@pytest.fixture
def http_api(db):
    Extension.objects.filter(pk="http_api").update(installed_at=timezone.now())
    return Extension.objects.get(pk="http_api")


@pytest.fixture
def rabbitmq(db):
    Extension.objects.filter(pk="rabbitmq").update(installed_at=timezone.now())
    return Extension.objects.get(pk="rabbitmq")


@pytest.fixture
def resource(http_api):
    credentials = {"url": SECRET_URL, "headers": {"X-Key": SECRET}}
    return Resource.objects.create(
        name="Receiver", type=http_api, production=credentials, test={"url": SECRET_URL}
    )


@pytest.fixture
def destination(resource):
    made = Destination(
        name="Business customers",
        resource=resource,
        prerequisites="profile@data.contact.email.business EXISTS",
        mapping={"mail": "profile@data.contact.email.business"},
        settings={"cookies": {"session": SECRET}, "headers": {"X-Authorization": SECRET}},
    )
    configuration.save(made)
    return made


@pytest.fixture
def plain(destination):
    """With settings that can be sent: only one way to sign in."""
    destination.settings = {}
    configuration.save(destination)
    return destination


@pytest.fixture
def profile(db):
    profile = Profile(
        document={"id": "anna", "data": {"contact": {"email": {"business": "anna@example.com"}}}}
    )
    profile.save()
    return profile


@pytest.fixture
def user(django_user_model):
    return django_user_model.objects.create_user("operator", password="operator", is_staff=True)


@pytest.fixture
def allow(user, client):
    """Sign in as somebody who may do only this: allow("destinations.view_resource")."""
    from django.contrib.auth.models import Permission

    def grant(*names, sees=True):
        """`sees`: whether whoever may view profiles may also see what is in them."""
        if sees and {"profiles.view_profile", "profiles.change_profile"} & set(names):
            names = (*names, "profiles.see_personal_data")
        for name in names:
            app, codename = name.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        client.force_login(user)
        return client

    return grant


@pytest.fixture
def secret():
    return SECRET


@pytest.fixture
def page(admin_client):
    """The text of a page that must open: page("destinations_resource_add", query="type=http_api")."""
    from django.contrib.admin.utils import quote
    from django.urls import reverse

    def get(name, /, *args, query="", client=admin_client):
        url = reverse(f"admin:{name}", args=[quote(arg) for arg in args])
        response = client.get(f"{url}?{query}")
        assert response.status_code == 200, (url, response.status_code, response.headers)
        return response.content.decode()

    return get


@pytest.fixture
def post(admin_client):
    """Post to a page, follow where it leads, and give the answer's text."""
    from django.contrib.admin.utils import quote
    from django.urls import reverse

    def send(name, /, *args, query="", client=admin_client, **data):
        url = reverse(f"admin:{name}", args=[quote(arg) for arg in args])
        response = client.post(f"{url}?{query}" if query else url, data, follow=True)
        assert response.status_code == 200, (url, response.status_code)
        return response.content.decode()

    return send


@pytest.fixture
def sealed():
    """What a page that asks before it saves carries along: sealed(text)."""
    import re

    def read(text):
        return {"tracsync_sealed": re.search('name="tracsync_sealed" value="([^"]+)"', text)[1]}

    return read


@pytest.fixture
def fields():
    """A form as the browser would send it back unchanged."""
    import html.parser

    class Fields(html.parser.HTMLParser):
        def __init__(self):
            super().__init__()
            self.found, self.inside, self.select, self.depth = {}, None, None, False

        def handle_starttag(self, tag, attrs):
            given = dict(attrs)
            if tag == "form":
                self.depth = given.get("id", "").endswith("_form")
            if not self.depth:
                return
            name = given.get("name")
            if tag == "input" and name and given.get("type") not in ("submit", "button"):
                if given.get("type") != "checkbox" or "checked" in given:
                    self.found[name] = given.get("value", "on" if given.get("type") == "checkbox" else "")
            elif tag == "textarea":
                self.inside = name
                self.found[name] = ""
            elif tag == "select":
                self.select = name
            elif tag == "option" and self.select and ("selected" in given or self.select not in self.found):
                self.found[self.select] = given.get("value", "")  # the first one, where none is selected

        def handle_endtag(self, tag):
            if tag == "textarea" and self.inside:
                self.found[self.inside] = self.found[self.inside].removeprefix("\n")
                self.inside = None
            elif tag == "select":
                self.select = None

        def handle_data(self, data):
            if self.inside:
                self.found[self.inside] += data

    def read(text):
        parser = Fields()
        parser.feed(text)
        found = parser.found
        found.pop("csrfmiddlewaretoken", None)
        return found

    return read


@pytest.fixture
def make_attempt():
    """An attempt for a profile sync: make_attempt(sync, outcome="retry")."""
    from destinations.models import DeliveryAttempt

    def make(sync, **fields):
        given = {"version": 1, "at": timezone.now(), "duration_ms": 12, "outcome": "rejected"}
        pair = {"profile_id": sync.profile_id, "destination_id": sync.destination_id}
        key = {"idempotency_key": f"{sync.pk}:1", "status_code": 422}
        return DeliveryAttempt.objects.create(**pair, **{**given, **key, **fields})

    return make
