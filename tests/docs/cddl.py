#!/usr/bin/python3
"""Checks frames against docs/protocol.cddl.

usage: cddl.py CDDL client FILE server FILE   the two halves of a connection
       cddl.py CDDL pairs FILE                [NAME, CALL, REPLY] frames
       cddl.py CDDL refuse FILE               frames that break the contract

It reads the CDDL with a grammar of its own (RFC 8610, as much of it as the
contract uses) and CBOR with a decoder of its own, and shares nothing with rsc.
A reply is held against the rule of the call that it answers.
"""
import re
import struct
import sys


class Bad(Exception):
    pass


def short(item):
    text = repr(item)
    return text if len(text) < 200 else text[:200] + '...'


# ---- CBOR: one item, in its shortest form, of definite length ----

def decode(data, at):
    if at >= len(data):
        raise Bad('the data end inside an item')
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        if info not in (20, 21, 22):
            raise Bad(f'simple value {info}')
        return {20: False, 21: True, 22: None}[info], at
    num = info
    if info >= 24:
        if info > 27:
            raise Bad('an item of indefinite length')
        size = 1 << (info - 24)
        if at + size > len(data):
            raise Bad('the data end inside a number')
        num = int.from_bytes(data[at:at + size], 'big')
        at += size
        if num < (24, 1 << 8, 1 << 16, 1 << 32)[info - 24]:
            raise Bad('a number that is not in its shortest form')
    if major == 0:
        return num, at
    if major == 1:
        return -1 - num, at
    if major == 2:
        if at + num > len(data):
            raise Bad('the data end inside bytes')
        return data[at:at + num], at + num
    if major == 4:
        items = []
        for _ in range(num):
            item, at = decode(data, at)
            items.append(item)
        return items, at
    raise Bad(f'major type {major}')


def item_of(body):
    item, end = decode(body, 0)
    if end != len(body):
        raise Bad('bytes behind the item')
    return item


def frames(name, limit):
    with open(name, 'rb') as file:
        data = file.read()
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise Bad(f'{name}: it ends inside a length')
        size, = struct.unpack_from('>I', data, at)
        if not 1 <= size <= limit:
            raise Bad(f'{name}: a frame of {size} bytes')
        at += 4
        if at + size > len(data):
            raise Bad(f'{name}: it ends inside a frame')
        yield data[at:at + size]
        at += size


# ---- CDDL ----

TOKEN = re.compile(r"""\s*(?:;[^\n]*)?(?:
    (?P<text>'[^']*') | (?P<range>-?\d+\.\.-?\d+) | (?P<num>-?\d+) |
    (?P<size>\.size) | (?P<name>[A-Za-z@_$](?:[-.]*[A-Za-z0-9@_$])*) |
    (?P<mark>[=/\[\],:()*]))""", re.X)


def tokens(text):
    at = 0
    out = []
    while True:
        while True:
            blank = re.compile(r'\s+|;[^\n]*').match(text, at)
            if not blank:
                break
            at = blank.end()
        if at == len(text):
            return out
        match = TOKEN.match(text, at)
        if not match:
            raise Bad(f'CDDL: {text[at:at + 30]!r}')
        out.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()


class Contract:
    """Rules by name; a type is a function from an item to an error or None."""

    def __init__(self, text):
        self.tokens = tokens(text)
        self.at = 0
        self.rules = {}
        self.used = set()
        self.limit = int(re.search(r'big-endian, 1 to (\d+)', text).group(1))
        while self.at < len(self.tokens):
            name = self.take('name')
            self.take('mark', '=')
            if name in self.rules:
                raise Bad(f'CDDL: {name} is there twice')
            self.rules[name] = self.choice()
        for name in self.used:
            if name not in self.rules:
                raise Bad(f'CDDL: no rule {name}')

    def peek(self, ahead=0):
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else (None, None)

    def take(self, kind, text=None):
        got = self.peek()
        if got[0] != kind or text not in (None, got[1]):
            raise Bad(f'CDDL: {text or kind} was expected, not {got[1]}')
        self.at += 1
        return got[1]

    def choice(self):
        kinds = [self.single()]
        while self.peek() == ('mark', '/'):
            self.at += 1
            kinds.append(self.single())
        if len(kinds) == 1:
            return kinds[0]

        def check(item):
            why = [kind(item) for kind in kinds]
            return None if None in why else ' / '.join(why)
        return check

    def single(self):
        kind, text = self.peek()
        if (kind, text) == ('mark', '['):
            return self.array()
        self.at += 1
        if kind == 'num':
            return self.number(int(text), int(text))
        if kind == 'range':
            low, high = text.split('..')
            return self.number(int(low), int(high))
        if kind == 'text':
            want = text[1:-1].encode()
            return lambda item: None if item == want and \
                isinstance(item, bytes) else f'not {text}'
        if text == 'true':
            return lambda item: None if item is True else 'not true'
        if text == 'null':
            return lambda item: None if item is None else 'not null'
        if text == 'bstr':
            self.take('size')
            return self.sized()
        if kind != 'name':
            raise Bad(f'CDDL: {text} where a type was expected')
        self.used.add(text)
        return lambda item: self.rules[text](item)

    @staticmethod
    def number(low, high):
        def check(item):
            if isinstance(item, bool) or not isinstance(item, int):
                return f'no integer but {type(item).__name__}'
            return None if low <= item <= high else \
                f'{item} is not in {low}..{high}'
        return check

    def sized(self):
        kind, text = self.peek()
        if kind == 'num':
            self.at += 1
            low = high = int(text)
        else:
            self.take('mark', '(')
            low, high = map(int, self.take('range').split('..'))
            self.take('mark', ')')
        return lambda item: None if isinstance(item, bytes) and \
            low <= len(item) <= high else f'not {low} to {high} bytes'

    def array(self):
        self.take('mark', '[')
        if self.peek(1) == ('mark', '*'):
            return self.repeated()
        kinds = []
        while self.peek() != ('mark', ']'):
            if kinds:
                self.take('mark', ',')
            if self.peek(1) == ('mark', ':'):
                self.at += 2
            kinds.append(self.choice())
        self.at += 1

        def check(item):
            if not isinstance(item, list):
                return 'no array'
            if len(item) != len(kinds):
                return f'{len(item)} items, not {len(kinds)}'
            for i, kind in enumerate(kinds):
                why = kind(item[i])
                if why:
                    return f'item {i}: {why}'
            return None
        return check

    def repeated(self):
        low = int(self.take('num'))
        self.take('mark', '*')
        high = int(self.take('num'))
        kind = self.choice()
        self.take('mark', ']')

        def check(item):
            if not isinstance(item, list):
                return 'no array'
            if not low <= len(item) <= high:
                return f'{len(item)} items, not {low} to {high}'
            for i, one in enumerate(item):
                why = kind(one)
                if why:
                    return f'item {i}: {why}'
            return None
        return check

    def hold(self, rule, item):
        why = self.rules[rule](item)
        if why:
            raise Bad(f'{short(item)} is no {rule}: {why}')


# ---- what is checked ----

def calls_by_id(text):
    return {int(num): name for name, num in re.findall(
        r'^call-(\S+) = \[1, task, seq, (\d+)', text, re.M)}


def check_call(contract, names, item):
    contract.hold('message', item)
    if item[3] not in names:
        raise Bad(f'no call has the number {item[3]}')
    name = names[item[3]]
    contract.hold('call-' + name, item)
    return name


def check_connection(contract, names, client, server):
    asked = {}
    seen = {}
    for number, body in enumerate(frames(client, contract.limit)):
        item = item_of(body)
        contract.hold('message', item)
        if (item[0] == 0) != (number == 0) or item[0] in (2, 6):
            raise Bad(f'message {item[0]} from the client at {number}')
        if item[0] == 1:
            name = check_call(contract, names, item)
            asked[item[1], item[2]] = name
            seen[name] = seen.get(name, 0) + 1
    replies = 0
    readies = 0
    for number, body in enumerate(frames(server, contract.limit)):
        item = item_of(body)
        contract.hold('message' if number else 'hello', item)
        if number == 0:
            continue
        if item[0] == 6:
            readies += 1
            continue
        if item[0] != 2:
            raise Bad(f'message {item[0]} from the server')
        name = asked.pop((item[1], item[2]), None)
        if not name:
            raise Bad(f'nothing asked for {short(item)}')
        contract.hold('reply-' + name, item)
        replies += 1
    if not replies:
        raise Bad('no call was answered')
    if ('rsc_watch' in seen) != (readies > 0):
        raise Bad(f'{readies} READY')
    print(f'ok {replies} calls of {len(seen)} kinds:', *sorted(seen))


def check_pairs(contract, names, file):
    seen = set()
    triple = []
    for body in frames(file, contract.limit):
        triple.append(body)
        if len(triple) < 3:
            continue
        name = triple[0].decode()
        if check_call(contract, names, item_of(triple[1])) != name:
            raise Bad(f'{name} has the number of another call')
        item = item_of(triple[2])
        contract.hold('message', item)
        contract.hold('reply-' + name, item)
        seen.add(name)
        triple = []
    missing = set(names.values()) - seen
    if triple or missing or not seen:
        raise Bad(f'without a frame: {sorted(missing)}')
    print(f'ok every form of {len(seen)} calls')


def check_refused(contract, names, file):
    count = 0
    for count, body in enumerate(frames(file, contract.limit), 1):
        try:
            item = item_of(body)
            contract.hold('message', item)
        except Bad:
            continue
        raise Bad(f'{short(item)} was taken')
    if not count:
        raise Bad('no frame')
    print(f'ok {count} broken frames')


def main(arg):
    with open(arg[0], encoding='ascii') as file:
        text = file.read()
    contract = Contract(text)
    names = calls_by_id(text)
    if arg[1] == 'client':
        check_connection(contract, names, arg[2], arg[4])
    elif arg[1] == 'pairs':
        check_pairs(contract, names, arg[2])
    else:
        check_refused(contract, names, arg[2])


try:
    main(sys.argv[1:])
except Bad as bad:
    sys.exit(f'FAIL {bad}')
