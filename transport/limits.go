// Limits: amounts that peers or clients can influence, each with its reason. docs/limits.md lists
// them all, with the symptoms of each. Constants that only tune the speed, such as the size of a
// reused buffer, are declared where they are used.

package transport

import (
	"time"

	"bailiwick/wire"
)

// Limits for peers and clients.
const (
	// MaxNearMisses is how many replies from the right address and port may fail to match a
	// question before it is no longer asked over UDP (Kaminsky's attack; three guesses in 2^32 are
	// harmless).
	MaxNearMisses = 3

	// EDNSSize is the UDP payload size that we announce to authorities by default (DNS flag day
	// 2020: no fragments). MinEDNSSize is the least that a validator may announce (RFC 4035,
	// section 4.1), and MaxEDNSSize the most: larger packets are fragments on every path, which can
	// be forged (RFC 9715).
	EDNSSize    = 1232
	MinEDNSSize = 1220
	MaxEDNSSize = 4096

	// maxConnections is how many client connections are open at once, all transports but UDP
	// together; new ones displace idle ones.
	maxConnections = 8192
	// maxQueriesPerConnection is how many queries one connection may send before it is closed. The
	// client then connects anew, perhaps to another server of the fleet.
	maxQueriesPerConnection = 10_000_000
	// maxIdle is how long a client connection may be silent (RFC 7766, section 6.2.3), while half
	// of the seats are free.
	maxIdle = 10 * time.Second
	// httpIdleFactor is how many times as long an HTTP connection may be silent: HTTP clients keep
	// connections for a minute or more, and some do not repeat a POST that crossed the end of the
	// connection.
	httpIdleFactor = 3
	// minIdle is the shortest time that any connection may be silent.
	minIdle = 200 * time.Millisecond
	// maxInFlight is how many queries of one connection are worked on at once (RFC 7766, section
	// 6.2.1.1 lets clients pipeline).
	maxInFlight = 100
	// minInFlight is the least that maxInFlight is reduced to where descriptors are few.
	minInFlight = 4
	// descriptorReserve is how many of the process's descriptors are left for upstream sockets and
	// files where no demand is known; it is half of all descriptors if that is less. It covers the
	// default number of simultaneous resolutions and the idle upstream sockets. Client connections
	// use the remaining descriptors.
	descriptorReserve = 5 << 10
	// ownFiles is how many descriptors the process has for itself: its output, the control socket
	// and who uses it, the admin listener, logs, state, pollers, routes.
	ownFiles = 64
	// leastDescriptors is how many have to be left for clients and servers together.
	leastDescriptors = 64
	// maxNameless is how many connections of proxies may wait for their PROXY header.
	maxNameless = 256
	// maxProxyHeader is how many octets may follow the fixed part of a PROXY header: addresses need
	// 36, the rest is for TLVs, of which a client's certificate is the longest.
	maxProxyHeader = 4096
	// maxProxyLine is how many octets a header of version 1 may have: the longest one that its
	// specification knows.
	maxProxyLine = 107
	// maxLoggedSources is how many proxies are logged for a wrong header, once each, and how many
	// others for a header that nobody asked for.
	maxLoggedSources = 256
	// logPause is how long a repeated event is not logged again.
	logPause = time.Minute
	// maxLingering is how many displaced connections are read for lingerTime, so that requests
	// under way do not meet a reset. Others are closed at once.
	maxLingering = 256
	// lingerTime is how long a connection is read after its end was announced.
	lingerTime = time.Second
	// backlogTime is how long a listener that stops still accepts connections whose handshake was
	// under way, and then reads queries that were: the round trips of most clients are shorter.
	backlogTime = 100 * time.Millisecond
	// maxHeld is how many octets are held for all client connections together: incomplete messages,
	// and answers that clients have not read. The nearest real case is a proxy for thousands of
	// clients with a slow link; each connection may hold maxUnsent of both.
	maxHeld = 64 << 20
	// What a connection takes of the process's memory beside messages, in bytes, as measured: the
	// goroutines' stacks, the buffers, TLS's and QUIC's state. A client's stream of QUIC takes
	// streamBytes more: a goroutine, and for HTTP/3 the header.
	tcpBytes    = 32 << 10
	tlsBytes    = 56 << 10
	httpBytes   = 40 << 10
	httpsBytes  = 64 << 10
	quicBytes   = 64 << 10
	streamBytes = 16 << 10
	// smallQuery is the largest query, in octets, that is not counted while it is in work.
	smallQuery = 512
	// maxReadOut is how many octets are read and discarded from a client that has had its share of
	// queries.
	maxReadOut = 1 << 20
	// messageTime is how long a message or a PROXY header may take to arrive, from its first octet.
	messageTime = 5 * time.Second
	// streamTime is how long an HTTP/2 client may take to open its window for a whole answer.
	streamTime = 2 * writeTime
	// writeTime is how long a client may take to accept the data of one write.
	writeTime = 5 * time.Second
	// maxUnsent is how many octets of answers may wait for a client that does not read, and how
	// many octets of incomplete bodies are kept, per connection: eight of the largest messages.
	maxUnsent = 512 << 10
	// handshakeTime is how long a TLS handshake may take.
	handshakeTime = 5 * time.Second
	// maxHandshakes is how many TLS handshakes are computed at once, and maxHandshakesPerClient how
	// many of one client prefix. Others wait, within handshakeTime. A handshake that waits for its
	// client has no turn. When all clients of an office behind one address connect anew, 16 of
	// their handshakes are computed at a time, a millisecond each.
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
	// maxHTTP3Request is how many octets the stream of an HTTP/3 request may have: the header, the
	// largest message, and as much as a header again for frames' own octets and unknown frames.
	maxHTTP3Request = 2*maxHTTPHeader + wire.MaxMessageLen
	// maxControlFrames is how many HTTP/2 frames other than requests may come on a connection
	// before it is closed; for HTTP/3, frames on the control stream and unidirectional streams. A
	// request gives back creditPerRequest. An HTTP/2 stream that the client resets before its
	// answer costs resetCost (CVE-2023-44487, rapid reset; CVE-2019-9512 to 9518).
	maxControlFrames = 1000
	creditPerRequest = 4
	resetCost        = 10
	// smallData is how few octets a piece of a body may have without counting as a control frame.
	// streamsPerCredit is how many streams a frame may make us visit for one unit of that credit.
	smallData        = 64
	streamsPerCredit = 8

	// maxUnvalidated is how many new QUIC connections a second a listener accepts without checking
	// their source address by a Retry (RFC 9000, section 8.1.2).
	maxUnvalidated = 200
	// closeGrace is how long a QUIC connection that has had its share of queries, or whose listener
	// stops, stays open for the last answers to arrive.
	closeGrace = 500 * time.Millisecond
	// quicWindow is how many octets a QUIC client may send before we have read them, per stream;
	// four times that per connection. Connections begin with quicFirstWindow, and the growth of a
	// window counts as held (maxHeld). One message of the largest size takes a few more round
	// trips.
	quicWindow      = 128 << 10
	quicFirstWindow = 16 << 10

	// maxUpstreams is how many servers are asked over connections that stay open. Idle ones are
	// closed to make room, or else the one asked longest ago. The nearest real case is a resolver
	// that finds out which authorities encrypt (RFC 9539): a thousand within upstreamIdle.
	maxUpstreams = 1024
	// maxUpstreamConns is how many TCP or DoT connections to one server are open, each with
	// maxInFlight questions.
	maxUpstreamConns = 8
	// maxAuthorityConns is how many TCP connections to one authority are kept, and
	// maxAuthorityTotal how many to all. Beyond them a question has a connection of its own, as
	// RFC 7766, section 6.2.2 would rather not have it: a server whose answers do not fit UDP is
	// asked dozens of questions at once, which four connections carry. All of them need
	// descriptors, of which descriptorReserve has some more than that.
	maxAuthorityConns = 4
	maxAuthorityTotal = 512
	// authorityIdle is how long such a connection stays open without a reply: a resolution has a
	// few questions for a server within a second or two, and authorities may bear few idle
	// connections (RFC 7766, section 6.2.3).
	authorityIdle = 5 * time.Second
	// authorityPatience is how long a reply is waited for on it before it takes no more questions:
	// the shortest time after which a question over TCP is sent again.
	authorityPatience = 700 * time.Millisecond
	// upstreamIdle is how long such a connection stays open without a reply, and the longest time
	// that a server may ask for (RFC 7828).
	upstreamIdle = 15 * time.Second
	// maxSilence is how many questions in a row may stay unanswered on a connection before it is
	// closed.
	maxSilence = 4

	// maxIdleSockets is how many UDP sockets of an address family are kept for the next question,
	// without a port: as many questions begin at once on a busy resolver. Only Linux uses them.
	maxIdleSockets = 512

	// firstPort is the first port that questions leave from, and minPorts the fewest ports of a
	// configured range: with 1,024 ports a forger who sees nothing needs 2^25 packets for an even
	// chance, without counting letter case and cookies. portTries is how many ports are tried where
	// others have taken them.
	firstPort = 1024
	minPorts  = 1024
	portTries = 8

	// udpBuffer is the size of a listener's receive and send buffers that is requested from the
	// kernel, in bytes per socket.
	udpBuffer = 4 << 20
	// udpRest is how many packets of a socket are still answered when its listener stops: as many
	// as the buffer holds. The kernel doubles the buffer's size and charges at least 768 bytes for
	// a packet.
	udpRest = 2 * udpBuffer / 768
	// xdpRest is how many packets of a receive queue are still answered when its interface is given
	// up: more than its rings hold.
	xdpRest = 4096

	// ticketRotation is how long by default session tickets are made with one key. They live up to
	// twice as long: a working day, and far less than the seven days of RFC 8446, section 4.6.1.
	ticketRotation = 8 * time.Hour
)
