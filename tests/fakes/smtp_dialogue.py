"""A client of the SMTP server without a socket; its handler says yes, except to addresses that begin with "no"."""

from gateway.smtp.events import Content, ContentEnd, ContentRefused, Data, Login, Mail, Recipient
from gateway.smtp.reply import AUTH_FAILED, Reply
from gateway.smtp.server import Options, Server

PLAIN = Options("gw.home.example", starttls=False, require_tls=False)
PASSWORD = "right"  # the one that the handler takes


class Dialogue:
    """One session; `say` returns the replies. `messages` are those that came to their end."""

    def __init__(self, options=PLAIN, *, encrypted=False, **greeting):
        self.server = Server(options)
        if encrypted:
            self.server.tls_started()
        self.server.greet(**greeting)
        self.output = self.server.take_output()
        self.greeting = self.output
        self.content = b""
        self.messages = []
        self.envelopes = []
        self.events = []
        self.logins = []

    def say(self, data: bytes) -> list[str]:
        self.server.receive(data)
        while event := self.server.next_event():
            self.events.append(type(event))
            self._answer(event)
        output = self.server.take_output()
        self.output += output
        return output.decode().splitlines()

    def _answer(self, event):
        match event:
            case Login(credentials):
                self.logins.append((credentials.name, credentials.password))
                self.server.respond(None if credentials.password == PASSWORD else AUTH_FAILED)
            case Mail(envelope):
                self.server.respond(_judge(envelope.sender))
            case Recipient(_, mailbox):
                self.server.respond(_judge(mailbox.address))
            case Data(envelope):
                self.content = b""
                refusal = _judge(envelope.envelope_id)
                if refusal is None:
                    self.envelopes.append(envelope)
                self.server.respond(refusal)
            case Content(block):
                self.content += block
            case ContentEnd():
                self.messages.append(self.content)
                self.server.respond(Reply(250, "2.0.0", "Kept"))
            case ContentRefused():
                self.content = b""


def _judge(text):
    return Reply(550, "5.7.1", "No") if text.startswith("no") else None


def in_transaction(options=PLAIN) -> Dialogue:
    dialogue = Dialogue(options)
    dialogue.say(b"EHLO client\r\nMAIL FROM:<sam@home.example>\r\nRCPT TO:<rita@partner.example>\r\n")
    return dialogue


def in_data(options=PLAIN) -> Dialogue:
    dialogue = in_transaction(options)
    assert dialogue.say(b"DATA\r\n")[0].startswith("354")
    return dialogue
