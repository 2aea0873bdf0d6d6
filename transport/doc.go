// Package transport is packets in and packets out: the listeners that clients reach, and the
// exchange with authorities. It knows nothing of caching or resolving.
//
// Out: [Exchanger] sends one question to one server and waits for the reply that matches it. What
// does not match (QR, ID, question, class) is ignored and the wait goes on; after a few near misses
// it says [ErrSpoofed], and the resolver asks over TCP. Each UDP question has a socket of its own,
// at a random port, connected to the server, so that the kernel drops what comes from elsewhere.
//
// In: [Listen] opens a listener of any [Protocol], which hands packets to a [Handler]: first to its
// Fast method in the reader's own goroutine, and what that does not answer to Serve in another.
package transport
