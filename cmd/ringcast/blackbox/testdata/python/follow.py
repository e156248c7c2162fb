"""Follows a stream with one of Python's libraries, as their documentation shows, and prints what they report.

usage: follow.py LIBRARY URL LAST_EVENT_ID
"""
import json
import sys
from datetime import timedelta

import requests

out = sys.stdout
sys.stdout = sys.stderr  # sseclient prints why a connection ended


def report(data, last_event_id):
    out.write(json.dumps({"id": last_event_id, "data": data}) + "\n")
    out.flush()


def with_sseclient(url, last):
    from sseclient import SSEClient

    client = SSEClient(url, last_id=last, retry=10)
    while True:
        try:
            message = next(client)
        except (OSError, LookupError):
            continue  # a reset, or a cut inside the header, even of "utf-8": the next call connects again
        if message.data:
            report(message.data, client.last_id)


def with_requests_sse(url, last):
    from requests_sse import EventSource

    while True:
        try:
            with EventSource(url, latest_event_id=last, reconnection_time=timedelta(milliseconds=10), max_connect_retry=20) as source:
                for message in source:
                    last = message.last_event_id
                    report(message.data, last)
        except requests.RequestException:
            continue  # a cut inside the header


{"sseclient": with_sseclient, "requests-sse": with_requests_sse}[sys.argv[1]](sys.argv[2], sys.argv[3])
