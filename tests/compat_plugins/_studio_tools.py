"""A helper as studios write them: no plugin."""


def shout(text):
    return text.upper()


def call(sg, logger, event, args):
    args.append(shout(event["event_type"]))
