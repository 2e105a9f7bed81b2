"""What may be sent and by whom, what is refused, and the lists of what was sent."""

import re
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from app.data.tenancy import organization
from app.data.transaction import unit_of_work
from app.extensions import db
from app.invoices.models import Invoice
from app.mail.models import Message
from app.mail.sending import send_message
from tests.support.client import assert_refused


@pytest.fixture
def issued(client, make_invoice):
    """Make an issued invoice."""

    def make(**fields):
        made = client.post(f"/invoices/{make_invoice(**fields)['id']}/issue")
        assert made.status_code == 200, made.get_json()
        return made.get_json()

    return make


def sent(client, invoice, body=None):
    answer = client.post(f"/invoices/{invoice['id']}/send", body)
    assert answer.status_code == 202, answer.get_json()
    return answer.get_json()


def test_who_may(client, anonymous, stranger, with_scopes, make_client, make_invoice, issued):
    invoice = issued()
    path = f"/invoices/{invoice['id']}/send"
    assert_refused(anonymous.post(path), 401, "unauthorized")
    assert_refused(with_scopes("invoices:read", "invoices:write").post(path), 403, "forbidden")
    assert_refused(stranger.post(path), 404, "not_found")
    assert_refused(client.post(f"/invoices/{uuid4()}/send"), 404, "not_found")
    assert client.get("/communications").get_json()["data"] == []
    assert with_scopes("invoices:issue").post(path).status_code == 202
    assert with_scopes("invoices:read").get("/communications").get_json()["meta"]["total"] == 1
    assert_refused(with_scopes("invoices:issue").get("/communications"), 403, "forbidden")
    assert_refused(anonymous.get("/communications"), 401, "unauthorized")
    assert stranger.get("/communications").get_json()["data"] == []
    assert_refused(stranger.get(f"/invoices/{invoice['id']}/communications"), 404, "not_found")
    free = make_client(tier="free")
    assert free.get("/communications").status_code == 200, "sending is for every tier"


def test_what_is_no_issued_invoice_is_not_sent(app, client, make_invoice, issued):
    draft = make_invoice()
    error = assert_refused(client.post(f"/invoices/{draft['id']}/send"), 409, "conflict")
    assert error["details"] == {"status": "draft", "moves": ["issue", "delete"]}
    assert "issue it first" in error["message"]
    void = issued()
    with app.app_context(), organization(client.org_id, "UTC"), unit_of_work():
        db.session.execute(sa.update(Invoice).where(Invoice.id == UUID(void["id"])).values(state="void"))
    error = assert_refused(client.post(f"/invoices/{void['id']}/send"), 409, "conflict")
    assert error["details"] == {"status": "void", "moves": []}
    client.delete(f"/invoices/{draft['id']}")
    assert_refused(client.post(f"/invoices/{draft['id']}/send"), 404, "not_found")
    assert client.get("/communications").get_json()["data"] == []
    assert client.get("/events?type=invoice.sent").get_json()["data"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"to": []}, "to"),
        ({"to": ["x"]}, "to.0"),
        ({"to": ["a@b.example"] * 21}, "to"),
        ({"to": ["a@b.example, c@d.example"]}, "to.0"),
        ({"to": ["Jo <a@b.example>"]}, "to.0"),
        ({"cc": ["a@b"]}, "cc.0"),
        ({"bcc": "a@b.example"}, "bcc"),
        ({"reply_to": "nobody"}, "reply_to"),
        ({"subject": ""}, "subject"),
        ({"subject": "x" * 301}, "subject"),
        ({"message": "x" * 4001}, "message"),
        ({"attach": "zip"}, "attach"),
        ({"too": ["a@b.example"]}, "too"),
    ],
)
def test_bad_input(client, issued, body, field):
    assert_refused(client.post(f"/invoices/{issued()['id']}/send", body), 422, "validation_error", field=field)


def test_who_gets_it_when_nobody_is_named(client, issued):
    contacts = [{"name": "Silent"}, {"name": "Jo Doe", "email": "jo@acme.example"}]
    by_contact = client.post("/customers", {"name": "By contact", "contacts": contacts}).get_json()
    assert sent(client, issued(customer_id=by_contact["id"]))["to"] == ["jo@acme.example"]
    nobody = client.post("/customers", {"name": "Nobody"}).get_json()
    invoice = issued(customer_id=nobody["id"])
    error = assert_refused(client.post(f"/invoices/{invoice['id']}/send"), 422, "validation_error", field="to")
    assert error["details"]["fields"]["to"] == ["Is needed: the customer has no e-mail address."]
    assert client.get(f"/invoices/{invoice['id']}").get_json()["sent_at"] is None
    client.patch(f"/customers/{nobody['id']}", {"email": "right@acme.example"})
    assert sent(client, invoice)["to"] == ["right@acme.example"], "an address may be put right after the issue"


def test_everything_can_be_said(client, issued):
    client.patch("/settings", {"seller": {"email": "office@seller.example"}})
    invoice = issued()
    assert sent(client, invoice)["reply_to"] == "office@seller.example"
    body = {
        "to": ["a@b.example", "b@b.example"],
        "cc": ["c@b.example"],
        "bcc": ["d@b.example"],
        "reply_to": "me@seller.example",
        "subject": "Your invoice, äöü €",
        "message": "Hello\n\nHere it is.",
        "attach": "link",
        "metadata": {"crm": "1"},
        "external_id": "M-1",
    }
    message = sent(client, invoice, body)
    assert {name: message[name] for name in body if name != "message"} == {
        name: value for name, value in body.items() if name != "message"
    }
    again = client.post(f"/invoices/{invoice['id']}/send", {"external_id": "M-1"})
    assert_refused(again, 409, "conflict", field="external_id")


def test_the_lists(client, issued, customer):
    other = client.post("/customers", {"name": "Other", "email": "other@acme.example"}).get_json()
    first, second = issued(), issued(customer_id=other["id"])
    messages = [sent(client, first), sent(client, second), sent(client, first, {"to": ["x@acme.example"]})]
    ids = [message["id"] for message in messages]

    def found(query="", path="/communications"):
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 200, answer.get_json()
        return [message["id"] for message in answer.get_json()["data"]]

    assert found() == ids[::-1]
    assert found("sort=created_at") == ids
    assert (
        found(f"invoice_id={first['id']}") == [ids[2], ids[0]] == found(path=f"/invoices/{first['id']}/communications")
    )
    assert found(f"customer_id={other['id']}") == [ids[1]]
    assert found("state=queued&kind=invoice") == ids[::-1]
    assert found("state=sent") == []
    assert found("search=x%40acme") == [ids[2]]
    assert found(f"search={second['number']}") == [ids[1]]
    assert found("limit=2") == ids[:0:-1]
    page = client.get("/communications?limit=2&cursor=").get_json()
    assert found(f"limit=2&cursor={page['meta']['next_cursor']}") == [ids[0]]
    assert_refused(client.get("/communications?state=lost"), 422, "validation_error", field="state")
    assert_refused(client.get("/communications?sort=subject"), 422, "validation_error", field="sort")


def test_a_linked_document_opens_without_a_key(app, client, anonymous, issued):
    invoice = issued()
    message = sent(client, invoice, {"attach": "link"})
    with app.app_context(), organization(client.org_id, "UTC"):
        send_message(message_id=message["id"])
        with unit_of_work(write=False):
            row = db.session.get_one(Message, (client.org_id, UUID(message["id"])))
            html, text = row.html, row.text
    [link] = re.findall(r"^http://localhost(/api/v1/files/\S+)$", text, re.MULTILINE)
    assert f'href="http://localhost{link}"' in html
    assert anonymous.get(link).data == client.get(f"/invoices/{invoice['id']}/pdf").data
    after = client.get("/communications").get_json()["data"][0]
    assert (after["state"], after["attachments"]) == ("sent", [])
    mail = (app.config["BILLHOOK"].instance_path / "mail" / after["file"]).read_bytes()
    assert b"application/pdf" not in mail
