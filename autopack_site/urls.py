"""Routes. The API and the dashboard come with the server form of the product."""

from django.contrib import admin
from django.urls import path

admin.autodiscover()

urlpatterns = [path("admin/", admin.site.urls)]
