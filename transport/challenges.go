// Proof to an authority that names and addresses are those of this server, by TLS (RFC 8737).

package transport

import "crypto/tls"

// challengeProtocol is the protocol that an authority offers (RFC 8737, section 6.2).
const challengeProtocol = "acme-tls/1"

// Challenges returns the certificate that proves an authority what it wants proven of a name, nil
// if nothing is to be proven of it. Addresses are given as names of the reverse tree (RFC 8738,
// section 6).
type Challenges func(name string) *tls.Certificate

// AnswerChallenges has listeners over TCP answer an authority.
func (t *TLS) AnswerChallenges(by Challenges) { t.challenges.Store(&by) }

// overTCP returns a configuration as config does, for a listener over TCP: an authority connects
// over nothing else (RFC 8737, section 3).
func (t *TLS) overTCP(alpn ...string) *tls.Config {
	c := t.config(alpn...)
	c.GetConfigForClient = t.challenged
	return c
}

// challenged returns the configuration for an authority, which offers that protocol alone (RFC
// 8737, section 3). Everybody else gets nil, for the listener's own; there the protocol is not
// among those that are spoken, and the handshake fails.
func (t *TLS) challenged(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	by := t.challenges.Load()
	if by == nil || len(hello.SupportedProtos) != 1 ||
		hello.SupportedProtos[0] != challengeProtocol {
		return nil, nil
	}
	k := (*by)(hello.ServerName)
	if k == nil {
		return nil, nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{challengeProtocol},
		Certificates: []tls.Certificate{*k}, SessionTicketsDisabled: true}, nil
}
