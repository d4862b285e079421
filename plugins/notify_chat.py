"""Post a line to a chat room when somebody writes a Note or a Version is approved.

Needs: CHAT_WEBHOOK_URL, the address of an incoming webhook that takes {"text": ...} (Slack, Mattermost, Teams...).
Without it the plugin registers nothing and says so.
"""

import json
import os
import urllib.request


def registerCallbacks(reg):
    url = os.environ.get("CHAT_WEBHOOK_URL")
    if not url:
        reg.logger.warning("CHAT_WEBHOOK_URL is not set: nobody will be notified")
        return
    # A chat that is down must not stop the plugin: with stopOnError=False the error is logged, and it goes on.
    wanted = {"Shotgun_Note_New": None, "Shotgun_Version_Change": ["sg_status_list"]}
    reg.registerCallback(None, None, notify, wanted, {"url": url}, stopOnError=False)


def notify(sg, logger, event, args):
    text = message(event)
    if text:
        post(args["url"], {"text": text})
        logger.info("posted: %s", text)


def message(event):
    who = (event["user"] or {}).get("name", "Somebody")
    what = (event["entity"] or {}).get("name", "something that is gone")
    if event["event_type"] == "Shotgun_Note_New":
        return f"{who} wrote a note: {what}"
    if event["meta"].get("new_value") == "apr":
        return f"{who} approved {what}"
    return None


def post(url, content):
    request = urllib.request.Request(url, json.dumps(content).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        response.read()
