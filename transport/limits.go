package transport

import "time"

// Limits of what peers and clients may take.
const (
	// MaxNearMisses is how many replies from the right address and port may fail to match, per question, before UDP is given
	// up (ATTACKS: Kaminsky; three guesses in 2^32 are harmless).
	MaxNearMisses = 3

	// EDNSSize is what we tell authorities to send over UDP (DNS flag day 2020: no fragments).
	EDNSSize = 1232

	// MaxConnections is how many client connections are open at once, all transports but UDP together; new ones displace idle ones.
	MaxConnections = 8192
	// MaxQueriesPerConnection is how many queries one connection may bring; then it is closed, and the client connects anew, perhaps
	// to another of the fleet.
	MaxQueriesPerConnection = 10_000_000
	// MaxIdle is how long a client connection may be silent (RFC 7766, section 6.2.3), while half of the seats are free.
	MaxIdle = 10 * time.Second
	// MinIdle is how long it may be silent in any case.
	MinIdle = 200 * time.Millisecond
	// MaxInFlight is how many queries of one connection are worked on at once (RFC 7766, section 6.2.1.1 lets clients pipeline).
	MaxInFlight = 100
	// MessageTime is how long a message may take to arrive, from its first octet, and a PROXY header.
	MessageTime = 5 * time.Second
	// WriteTime is how long a client may take to accept what is written at once.
	WriteTime = 5 * time.Second
	// MaxUnsent is how many octets of answers may wait for a client that does not read, and of bodies that are not whole, per connection: eight
	// of the largest messages.
	MaxUnsent = 512 << 10
	// HandshakeTime is how long a TLS handshake may take.
	HandshakeTime = 5 * time.Second
	// MaxHandshakes is how many TLS handshakes are worked on at once; others wait, within HandshakeTime.
	MaxHandshakes = 256

	// MaxHTTPHeader is how many octets the header of a request may have, compressed and not (the largest query that GET can carry then has 12 kB).
	MaxHTTPHeader = 16 << 10
	// MaxControlFrames is how many HTTP/2 frames may come that are no requests, per connection, before it is closed. A request gives back
	// creditPerRequest; a stream that the client resets before its answer costs resetCost (CVE-2023-44487, rapid reset; CVE-2019-9512 to 9518).
	MaxControlFrames = 1000
	creditPerRequest = 4
	resetCost        = 10

	// MaxUnvalidated is how many new QUIC connections a second a listener takes without having checked their source address by a Retry
	// (RFC 9000, section 8.1.2).
	MaxUnvalidated = 200
	// closeGrace is how long a QUIC connection that has had its share of queries is left open for the last answers to arrive.
	closeGrace = 500 * time.Millisecond
	// QUICWindow is how many octets a QUIC client may send before we have read them, per stream; four times that per connection.
	QUICWindow = 128 << 10

	// MaxUpstreams is how many servers are asked over connections that stay open; idle ones give way.
	MaxUpstreams = 1024
	// MaxUpstreamConns is how many TCP or DoT connections to one of them are open, each with MaxInFlight questions.
	MaxUpstreamConns = 8
	// UpstreamIdle is how long such a connection stays open without a reply.
	UpstreamIdle = 15 * time.Second
	// MaxSilence is how many questions in a row may go unanswered on one before it is given up.
	MaxSilence = 4

	// udpBuffer is what is asked of the kernel for a listener's receive and send buffers, in octets per socket.
	udpBuffer = 4 << 20
)
