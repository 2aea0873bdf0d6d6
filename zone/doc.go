// Package zone is a whole zone in memory: its records in one piece, what an authoritative server
// would answer from them, and their digest (RFC 8976). A [Zone] is immutable; [Zone.Apply] and a
// [Builder] make others. There is no I/O, and no clock.
//
// Nothing is judged here: what a zone answers is validated like the reply of a server.
package zone
