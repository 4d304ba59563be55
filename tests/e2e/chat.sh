#!/bin/bash
# A thousand connections through one program that waits with epoll, edge
# triggered: no wake-up is lost. CHAT_MESSAGES is how many on each.
. "$(dirname "$0")/lib.sh"
build chat
worlds
serve main
CWD=/ there ip link set lo up
prepare ':'
fresh

LIMIT=${CHAT_LIMIT-120}
mkfifo "$T/note/port"
OPTS=(--all --local "$T/note/**")
ours "$T/bin/chat" serve "$T/note/port" >"$T/note/chat.out" 2>&1 &
read -r port <"$T/note/port"
messages=${CHAT_MESSAGES-10}
check 'what was said' "$((1000 * messages)) messages" \
	"$(CWD=/ there "$T/bin/chat" talk "$port" 1000 "$messages")"
wait $!
check 'the program ends' 0 $?
check 'it says nothing' '' "$(<"$T/note/chat.out")"
ran rsc_watch accept4 read write
finish
