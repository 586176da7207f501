"""The page behind the one-time link: it makes the first administrator and logs them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import login
from django.contrib.auth.forms import UserCreationForm
from django.db import transaction
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from runs.serving.setup_link import setup_close, setup_is_open

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpRequest, HttpResponse


@never_cache
@csrf_protect
@require_http_methods(["GET", "POST"])
def setup_page(request: HttpRequest, token: str) -> HttpResponse:
    """A link that is wrong, used, or no longer needed gets one page: nobody can tell which."""
    if not setup_is_open(token):
        return render(request, "setup.html", status=404)
    form: UserCreationForm[User] = UserCreationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        # Before the account is made: of two who send the form at once, one makes it.
        if not setup_close():
            return render(request, "setup.html", status=404)
        with transaction.atomic():
            administrator = form.save(commit=False)
            administrator.is_staff = administrator.is_superuser = True
            administrator.save()
        login(request, administrator)
        return redirect("admin:index")
    return render(request, "setup.html", {"form": form}, status=400 if form.errors else 200)
