// Package tail follows a stream of Server-Sent Events in a terminal or a pipe:
// it reconnects as a browser's EventSource does, prints each event once, and
// says where to go on.
package tail
