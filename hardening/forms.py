"""Forms of the admin: patterns are written as text, checked as a whole, and faults stand at the
field they belong to.

Every field carries the value it was shown with. So two people who have the same page open do not
undo each other: what is saved is what each of them really changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from hardening.admission import PatternInvalid, choices_admit, own_admit
from hardening.families import Family
from hardening.models import FailurePattern
from hardening.patterns import builtin
from hardening.rows import CHOICES, LISTS, OWN, values_of

if TYPE_CHECKING:
    RowForm = forms.ModelForm[FailurePattern]
else:
    RowForm = forms.ModelForm

SAMPLE_SEPARATOR = "%%"
# Pasted text is sent as it is, with up to 4 bytes a character: below Django's limit of 2.5 MB.
TRY_CHARS = 500_000


def _lines(value: Any) -> list[str]:
    return str(value or "").replace("\r\n", "\n").replace("\r", "\n").split("\n")


class LinesField(forms.Field):
    """A list of texts, one a line; spaces count, empty lines do not."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> list[str]:
        return [line for line in _lines(value) if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value


class SamplesField(forms.Field):
    """A list of texts of some lines each, with a line of SAMPLE_SEPARATOR between."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> list[str]:
        samples: list[list[str]] = [[]]
        for line in _lines(value):
            if line.strip() == SAMPLE_SEPARATOR:
                samples.append([])
            else:
                samples[-1].append(line)
        texts = ["\n".join(sample).strip("\n") for sample in samples]
        return [text for text in texts if text.strip()]

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list):
            # A text area drops the first newline it is given, so the samples begin with none.
            return f"\n{SAMPLE_SEPARATOR}\n".join(value)
        return value


class ParametersField(forms.Field):
    """Names with texts: "name = value", one a line."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> dict[str, str]:
        found = {}
        for line in _lines(value):
            name, sign, text = line.partition("=")
            if not line.strip():
                continue
            if not sign or not name.strip():
                raise ValidationError(f"{line[:80]!r} is not: name = value")
            found[name.strip()] = text.strip()
        return found

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "\n".join(f"{name} = {text}" for name, text in value.items())
        return value


class PatternForm(RowForm):
    """What an operator chooses about any pattern."""

    class Meta:
        model = FailurePattern
        fields: ClassVar = [*CHOICES]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for field in self.fields.values():
                field.show_hidden_initial = True

    def clean(self) -> dict[str, Any]:
        """Instead of the model's checks: ours say more, and at the right field."""
        given: dict[str, Any] = self.cleaned_data
        # A page of patterns is sent with all its rows; the check of one may take a second.
        if not self.errors and self.has_changed():
            try:
                self._admit(given)
            except PatternInvalid as invalid:
                for name, faults in invalid.errors.items():
                    self.add_error(name if name in self.fields else None, list(faults))
        return given

    def _admit(self, given: dict[str, Any]) -> None:
        known = values_of(self.instance)
        values = known | {name: given[name] for name in known if name in given}
        if self.instance.is_builtin:
            choices_admit(values)
        else:
            own_admit(given.get("slug", self.instance.slug), values)


class OwnPatternForm(PatternForm):
    """An operator's own pattern."""

    family = forms.ChoiceField(
        required=False,
        choices=[("", "-"), *((family.value, family.value) for family in Family)],
        help_text="The cause it finds. May be empty while the pattern is not enabled.",
    )
    expressions = LinesField(
        help_text="RE2, one a line, any of which may match. (?P<name>...) takes a parameter of the"
        " action from the log. No look-around, no back-references; ^ and $ mean lines after (?m).",
    )
    unless = LinesField(
        required=False,
        label="Not when the line has",
        help_text="RE2, one a line: a line in which one of these matches is no hit.",
    )
    parameters = ParametersField(
        required=False,
        help_text="Of the action: name = value, one a line. The others come from named groups.",
    )
    must_match = SamplesField(
        help_text="Real outputs it must match, tried on every save; a line of %% between two.",
    )
    must_not_match = SamplesField(
        required=False,
        help_text="Outputs that are near and mean something else; a line of %% between two.",
    )

    class Meta:
        model = FailurePattern
        fields: ClassVar = ["slug", *OWN]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in (*LISTS, "parameters", "advice"):
            rows = {"must_match": 10, "must_not_match": 10, "expressions": 6}.get(name, 3)
            if name in self.fields:
                self.fields[name].widget.attrs |= {"rows": rows, "cols": 100, "spellcheck": "false"}

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        others = FailurePattern.objects.filter(slug__iexact=slug).exclude(pk=self.instance.pk)
        if others.exists() or slug in {spec.id for spec in builtin()}:
            raise ValidationError("There is a pattern with this id. Choose another.")
        return slug


class LogField(forms.CharField):
    """Pasted output. Null characters are shown as what they are not instead of refused."""

    widget = forms.Textarea(attrs={"rows": 18, "cols": 120, "spellcheck": "false"})

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\x00", "\N{REPLACEMENT CHARACTER}")


class TryForm(forms.Form):
    """A log to try the patterns on."""

    log = LogField(strip=False, max_length=TRY_CHARS, label="Output of the failed step")
    exit_code = forms.IntegerField(
        required=False, min_value=-(2**31), max_value=2**32, help_text="Empty: not known."
    )
    declared = forms.CharField(
        required=False,
        max_length=10_000,
        label="Declared Python packages",
        help_text="Names with spaces between; they are installed without asking. Empty: not known.",
    )
    disabled = forms.BooleanField(required=False, label="Try disabled patterns too")
