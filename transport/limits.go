// Limits: amounts that peers or clients can influence, each with its reason. docs/limits.md lists
// them all, with what is seen when one is met. What only tunes the speed, such as the size of a
// buffer that is used again, stands where it is used.

package transport

import "time"

// Limits of what peers and clients may take.
const (
	// MaxNearMisses is how many replies from the right address and port may fail to match, per
	// question, before UDP is given up (ATTACKS: Kaminsky; three guesses in 2^32 are harmless).
	MaxNearMisses = 3

	// EDNSSize is what we tell authorities to send over UDP (DNS flag day 2020: no fragments).
	EDNSSize = 1232

	// maxConnections is how many client connections are open at once, all transports but UDP
	// together; new ones displace idle ones.
	maxConnections = 8192
	// maxQueriesPerConnection is how many queries one connection may bring; then it is closed, and
	// the client connects anew, perhaps to another of the fleet.
	maxQueriesPerConnection = 10_000_000
	// maxIdle is how long a client connection may be silent (RFC 7766, section 6.2.3), while half
	// of the seats are free.
	maxIdle = 10 * time.Second
	// httpIdleFactor is how many times as long an HTTP connection may be silent: HTTP clients keep
	// connections for a minute or more, and some do not send a POST again that met its end.
	httpIdleFactor = 3
	// minIdle is how long it may be silent in any case.
	minIdle = 200 * time.Millisecond
	// maxInFlight is how many queries of one connection are worked on at once (RFC 7766, section
	// 6.2.1.1 lets clients pipeline).
	maxInFlight = 100
	// minInFlight is how few they may become where descriptors are few.
	minInFlight = 4
	// descriptorReserve is how many of the process's descriptors are left for sockets to servers
	// and for files, or half of all if that is less: the resolutions at once by default, and the
	// sockets that are kept for the next question. Connections that are let in come out of the
	// rest.
	descriptorReserve = 5 << 10
	// maxNameless is how many connections of proxies may wait for their PROXY header.
	maxNameless = 256
	// maxProxyHeader is how many octets may follow the fixed part of a PROXY header: addresses take
	// 36, the rest is for TLVs, of which a client's certificate is the longest.
	maxProxyHeader = 4096
	// maxLoggedSources is how many proxies are named in the log for a wrong header, once each.
	maxLoggedSources = 256
	// logPause is how long nothing more is logged of an occasion that repeats.
	logPause = time.Minute
	// maxLingering is how many displaced connections are read on for lingerTime, so that what is
	// under way does not meet a reset; others are closed at once.
	maxLingering = 256
	// lingerTime is how long a connection is read on after its end was told.
	lingerTime = time.Second
	// maxHeld is how many octets are held for all client connections together: messages that are
	// not whole and answers that are not taken. The nearest real case is a proxy for thousands with
	// a slow link; each connection may hold maxUnsent of both.
	maxHeld = 64 << 20
	// smallQuery is the largest query, in octets, that is not counted while it is in work.
	smallQuery = 512
	// maxReadOut is how many octets are read, and thrown away, of a client that has had its share
	// of queries.
	maxReadOut = 1 << 20
	// messageTime is how long a message may take to arrive, from its first octet, and a PROXY
	// header.
	messageTime = 5 * time.Second
	// streamTime is how long an HTTP/2 client may take to make room for all of an answer.
	streamTime = 2 * writeTime
	// writeTime is how long a client may take to accept what is written at once.
	writeTime = 5 * time.Second
	// maxUnsent is how many octets of answers may wait for a client that does not read, and of
	// bodies that are not whole, per connection: eight of the largest messages.
	maxUnsent = 512 << 10
	// handshakeTime is how long a TLS handshake may take.
	handshakeTime = 5 * time.Second
	// maxHandshakes is how many TLS handshakes are computed at once, and maxHandshakesPerClient how
	// many of one client prefix; others wait, within handshakeTime. None has a turn while it waits
	// for its client. A new start of an office behind one address takes 16 at a time: a millisecond
	// each.
	maxHandshakes          = 256
	maxHandshakesPerClient = 16
	// firstOctetTime is how long a client may take to begin its TLS handshake: it has the
	// connection and nothing to wait for. Two losses of its first segment fit (RFC 6298, section
	// 2).
	firstOctetTime    = 3 * time.Second
	minFirstOctetTime = time.Second

	// maxHTTPHeader is how many octets the header of a request may have, compressed and not (the
	// largest query that GET can carry then has 12 kB).
	maxHTTPHeader = 16 << 10
	// maxControlFrames is how many HTTP/2 frames may come that are no requests, per connection,
	// before it is closed. A request gives back creditPerRequest; a stream that the client resets
	// before its answer costs resetCost (CVE-2023-44487, rapid reset; CVE-2019-9512 to 9518).
	maxControlFrames = 1000
	creditPerRequest = 4
	resetCost        = 10
	// smallData is how few octets a piece of a body may have without being counted among them, and
	// streamsPerCredit how many streams are gone through for one of them.
	smallData        = 64
	streamsPerCredit = 8

	// maxUnvalidated is how many new QUIC connections a second a listener takes without having
	// checked their source address by a Retry (RFC 9000, section 8.1.2).
	maxUnvalidated = 200
	// closeGrace is how long a QUIC connection that has had its share of queries is left open for
	// the last answers to arrive.
	closeGrace = 500 * time.Millisecond
	// quicWindow is how many octets a QUIC client may send before we have read them, per stream;
	// four times that per connection. Connections begin with quicFirstWindow, and what they grow by
	// counts as held (maxHeld): one message of the largest size takes a few round trips more.
	quicWindow      = 128 << 10
	quicFirstWindow = 16 << 10

	// maxUpstreams is how many servers are asked over connections that stay open. Idle ones give
	// way, and if none is idle the one that was asked longest ago. The nearest real case is a
	// resolver that finds out which authorities encrypt (RFC 9539): a thousand within upstreamIdle.
	maxUpstreams = 1024
	// maxUpstreamConns is how many TCP or DoT connections to one of them are open, each with
	// maxInFlight questions.
	maxUpstreamConns = 8
	// upstreamIdle is how long such a connection stays open without a reply.
	upstreamIdle = 15 * time.Second
	// maxSilence is how many questions in a row may go unanswered on one before it is given up.
	maxSilence = 4

	// maxIdleSockets is how many UDP sockets of an address family wait for a question, without a
	// port: as many questions begin at once on a busy resolver. They are used on Linux alone.
	maxIdleSockets = 512

	// udpBuffer is what is asked of the kernel for a listener's receive and send buffers, in octets
	// per socket.
	udpBuffer = 4 << 20
	// udpRest is how many packets of a socket are still answered when its listener stops: as many
	// as the buffer holds, which the kernel makes twice as large and charges 768 octets a packet at
	// least.
	udpRest = 2 * udpBuffer / 768

	// ticketRotation is how long session tickets are made with one key by default. They live up to
	// twice as long: a working day, and far less than the seven days of RFC 8446, section 4.6.1.
	ticketRotation = 8 * time.Hour
)
