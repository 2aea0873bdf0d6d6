// Package transport sends and receives packets: it has the listeners for clients, and the exchange
// with other servers. It knows nothing of caching or resolving.
//
// Out: [Exchanger] sends one question to one server and waits for the reply that matches it. A
// packet that does not match (QR, ID, question, class) is ignored and the wait goes on. After a few
// near misses the exchange returns [ErrSpoofed], and the resolver asks over TCP. Each UDP question
// has a random port of its own. Its socket is connected to the server meanwhile, so that the kernel
// drops packets from elsewhere.
//
// In: [Listen] opens a listener of any [Protocol]. It hands each packet to a [Handler], which
// answers at once in the reader's own goroutine or returns a [Pending] query.
package transport
