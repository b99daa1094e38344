"""Users from elsewhere."""

from __future__ import annotations

import pytest
from maas_common.errors import InvalidArgumentError
from maas_keys.core.api_key import OwnerKind
from maas_keys.core.tenant_people import Provider, TenantPeople
from maas_keys.core.user import Person
from maas_keys.core.user_csv import csv_rows
from maas_keys.core.user_import import MAX_ROWS, HandedIn, UserRow, people_of

PEOPLE = TenantPeople((Provider("https://idp", ("acme",), ""), Provider("https://other", ("globex", "acme"), "other:")))
HERE = HandedIn("acme", "https://idp", 100, PEOPLE)


def fields_of(error):
    return [violation.field for violation in error.value.violations]


def test_a_user_is_taken_in_as_of_now():
    rows = [UserRow("users[0]", "ann", username="Ann", email="ann@example.com", groups=("staff", "staff", "system:authenticated"))]
    assert people_of(rows, HERE) == [Person("acme", "https://idp", "ann", "Ann", "ann@example.com", ("staff",), 100)]


def test_what_is_left_out_has_a_default():
    assert people_of([UserRow("users[0]", "ann")], HERE) == [Person("acme", "https://idp", "ann", "ann", "", (), 100)]
    assert people_of([UserRow("users[0]", "ann", issuer="https://other")], HERE)[0].issuer == "https://other"


@pytest.mark.parametrize("issuer", ["", "service-account"])
def test_a_service_account_has_no_issuer_and_its_groups_do_not_age(issuer):
    rows = [UserRow("users[0]", "ci", issuer=issuer, groups=("builders",), kind="service_account")]
    assert people_of(rows, HERE) == [Person("acme", "service-account", "ci", "ci", "", ("builders",), 0, OwnerKind.SERVICE_ACCOUNT)]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "s" * 256}, "subject"),
        ({"subject": "a\x00"}, "subject"),
        ({"subject": "a", "issuer": "group"}, "issuer"),
        ({"subject": "a", "issuer": "service-account"}, "issuer"),
        ({"subject": "a", "issuer": "a|b"}, "issuer"),
        ({"subject": "a", "issuer": "https://idp", "kind": "service_account"}, "issuer"),
        ({"subject": "a", "username": "u" * 257}, "username"),
        ({"subject": "a", "email": "ann"}, "email"),
        ({"subject": "a", "email": "ann@example.com bob@example.com"}, "email"),
        ({"subject": "a", "groups": ("g", "")}, "groups[1]"),
        ({"subject": "a", "groups": ("g\n",)}, "groups[0]"),
        ({"subject": "a", "groups": tuple(map(str, range(257)))}, "groups"),
        ({"subject": "a", "kind": "robot"}, "kind"),
    ],
)
def test_a_wrong_field_is_named_with_its_place(row, field):
    with pytest.raises(InvalidArgumentError) as error:
        people_of([UserRow("users[0]", "fine"), UserRow("users[1]", **row)], HERE)
    assert fields_of(error) == [f"users[1].{field}"]


def test_everything_that_is_wrong_is_told_at_once():
    with pytest.raises(InvalidArgumentError) as error:
        people_of([UserRow("users[0]", "", email="x"), UserRow("users[1]", "a", kind="x")], HERE)
    assert fields_of(error) == ["users[0].subject", "users[0].email", "users[1].kind"]


def test_the_same_user_twice_is_refused_with_both_places():
    with pytest.raises(InvalidArgumentError, match=r'users\[1\]\.subject: "https://idp\|ann" is in users\[0\] already'):
        people_of([UserRow("users[0]", "ann"), UserRow("users[1]", "ann", issuer="https://idp")], HERE)


def test_too_many_at_once_are_refused():
    people_of((UserRow("x", str(n)) for n in range(MAX_ROWS)), HERE)
    with pytest.raises(InvalidArgumentError, match="import them in parts"):
        people_of((UserRow("x", str(n)) for n in range(MAX_ROWS + 1)), HERE)


def test_csv_columns_are_named_by_the_first_line_in_any_order():
    rows = csv_rows("\ufeffGroups, subject,email\r\nstaff; ops;,ann,ann@example.com\r\n\r\n,bob,\r\n")
    assert rows == [
        UserRow("csv[line 2]", "ann", email="ann@example.com", groups=("staff", "ops")),
        UserRow("csv[line 4]", "bob"),
    ]


def test_lines_are_counted_as_editors_do_when_a_value_holds_a_break():
    rows = csv_rows('subject,username\nann,"A\nnn"\nbob,Bob\n')
    assert [row.place for row in rows] == ["csv[line 2]", "csv[line 4]"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: want the names of the columns"),
        ("username\nann\n", "line 1: want the names of the columns"),
        ("subject,shoe\nann,9\n", "line 1: want the names of the columns"),
        ("subject,subject\nann,ann\n", "line 1: want the names of the columns"),
        ("subject,email\nann,a@b\nbob\n", "line 3: has 1 values; want 2"),
        ('subject\n"ann\n', "line 2: unexpected end of data"),
        ('subject\n"a"b\n', "line 2: "),
    ],
)
def test_csv_that_cannot_be_read_names_the_line(text, said):
    with pytest.raises(InvalidArgumentError) as error:
        csv_rows(text)
    assert error.value.message.startswith(f"csv: {said}")
