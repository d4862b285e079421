"""Write one line for every event: the quickest way to see what happens on a site."""


def registerCallbacks(reg):
    # No filter: every event.
    reg.registerCallback(None, None, log_event)


def log_event(sg, logger, event, args):
    entity = event["entity"]
    about = "{type} {id} '{name}'".format(**entity) if entity else "nothing that still exists"
    who = (event["user"] or {}).get("name", "nobody")
    logger.info(
        "%s: %s %s on %s by %s", event["id"], event["event_type"], event["attribute_name"] or "", about, who
    )
