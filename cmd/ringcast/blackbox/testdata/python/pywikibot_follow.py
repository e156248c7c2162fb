"""Follows a stream with pywikibot's EventStreams and prints the data of what it hands out.

usage: pywikibot_follow.py URL LAST_EVENT_ID
"""
import json
import os
import sys
import types

os.environ["PYWIKIBOT_NO_USER_CONFIG"] = "2"
import requests
from pywikibot import config
from pywikibot.comms import eventstreams

config.max_retries = 20


class Record(dict):
    """A record that remembers its bytes, for pywikibot hands out what json makes of them."""


def loads(text):
    record = Record(json.loads(text))
    record.text = text
    return record


eventstreams.json = types.SimpleNamespace(loads=loads)
url, last = sys.argv[1:]
stream = eventstreams.EventStreams(url=url, site=None, latest_event_id=last, retry=10, headers={"user-agent": "ringcast test"})
while True:
    try:
        for record in stream.generator:
            print(json.dumps({"data": record.text}), flush=True)
    except requests.RequestException as e:  # a cut inside the header, while it connects
        print(e, file=sys.stderr)
        vars(stream).pop("source", None)
