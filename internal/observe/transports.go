// The metrics of clients' connections that begin and end.

package observe

import (
	"crypto/tls"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/cause"
	"bailiwick/transport"
)

// newTransports defines them, with a series for all that can happen.
func (m *Metrics) newTransports() {
	m.handshakes = newCounterVec(m.Registry, "handshakes_total",
		"TLS and QUIC handshakes with clients, by transport, TLS version, and whether they "+
			"resumed a session.", "transport", "version", "resumed")
	m.faults = newCounterVec(m.Registry, "transport_faults_total",
		"Client connections, streams and requests refused or ended early, by transport and cause.",
		"transport", "cause")
	for _, p := range transport.Protocols() {
		for _, c := range cause.All() {
			if canFault(p, c) {
				m.faults.WithLabelValues(p.String(), c.Label())
			}
		}
		for _, version := range versionsOf(p) {
			for _, resumed := range []bool{false, true} {
				m.handshaken(p, version, resumed)
			}
		}
	}
}

// versionsOf returns the versions of TLS that a transport can have.
func versionsOf(p transport.Protocol) []uint16 {
	switch {
	case !p.Encrypted():
		return nil
	case p.Network() == "udp": // RFC 9001, section 4.2
		return []uint16{tls.VersionTLS13}
	}
	return []uint16{tls.VersionTLS12, tls.VersionTLS13}
}

// canFault reports whether a client of a transport can be refused for a cause.
func canFault(p transport.Protocol, c cause.Cause) bool {
	quic := p.Encrypted() && p.Network() == "udp"
	switch c {
	case cause.ProxyHeader:
		return p.Proxied()
	case cause.ConnectionDisplaced, cause.ConnectionsPerClient, cause.HeldOctets, cause.SlowReader,
		cause.SlowWriter, cause.Overload:
		return p.Stream()
	case cause.Descriptors:
		return p.Network() == "tcp"
	case cause.FrameMalformed:
		return p.Stream() && !p.HTTP()
	case cause.Handshake, cause.HandshakeTime, cause.NoCertificate:
		return p.Encrypted()
	case cause.StreamFlood:
		return p.HTTP() || quic
	case cause.QUICProtocol:
		return quic && !p.HTTP()
	}
	return p.HTTP() && (c.HTTPStatus() != 0 || c == cause.HTTPMalformed)
}

// handshaken returns the counter of handshakes of a kind.
func (m *Metrics) handshaken(p transport.Protocol, version uint16,
	resumed bool) prometheus.Counter {
	return m.handshakes.WithLabelValues(p.String(),
		strings.TrimPrefix(tls.VersionName(version), "TLS "), strconv.FormatBool(resumed))
}

// Connections implements transport.Observer.
func (m *Metrics) Connections(p transport.Protocol, delta int) {
	m.connections[p].Add(float64(delta))
}

// Handshake implements transport.Observer.
func (m *Metrics) Handshake(p transport.Protocol, version uint16, resumed bool) {
	m.handshaken(p, version, resumed).Inc()
}

// Fault implements transport.Observer.
func (m *Metrics) Fault(p transport.Protocol, c cause.Cause) {
	m.faults.WithLabelValues(p.String(), c.Label()).Inc()
	if c.Kind() == cause.KindLimit {
		m.Limit(c)
	}
}
