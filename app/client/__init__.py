"""A client of the service, with and without async. It needs httpx only (extra `client`)."""

from app.client.answers import Answer
from app.client.client import AsyncClient, Client
from app.client.problems import ProblemError
from app.client.retries import Retries

__all__ = ["Answer", "AsyncClient", "Client", "ProblemError", "Retries"]
