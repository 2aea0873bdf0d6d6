// Servers that are asked over connections that stay open: forwarders, authorities that are known to
// support encryption, and for a short time all that are asked over TCP.

package transport

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"bailiwick/internal/guard"
	"bailiwick/internal/ledger"
	"bailiwick/internal/limit"
	"bailiwick/internal/pemfile"
)

// Peer is the identity that a server has to prove. Servers with the same Peer share connections and
// sessions.
type Peer struct {
	Name  string           // in its certificate; "" if only pins count
	Pins  [][32]byte       // SHA-256 of public keys; it has to have one of them (RFC 7858, 4.2)
	Roots *pemfile.Trusted // certificate authorities; nil: the system's
	Path  string           // of DoH
	// Certificate is what we show to the server if it asks; nil: nothing.
	Certificate *pemfile.Own
}

// Equal reports whether two peers have the same identity; either may be nil.
func (p *Peer) Equal(o *Peer) bool {
	if p == nil || o == nil {
		return p == o
	}
	return p.Name == o.Name && p.Path == o.Path && slices.Equal(p.Pins, o.Pins) &&
		p.Certificate.Equal(o.Certificate) && p.Roots.Equal(o.Roots)
}

// ErrIdentity reports that a server could not prove its identity.
var ErrIdentity = errors.New("the server's certificate is not the one that is expected")

// upstreamKey identifies an upstream.
type upstreamKey struct {
	via    Protocol
	server netip.AddrPort
	peer   *Peer
}

// authority reports whether it is a server that nobody named, in plain DNS.
func (k *upstreamKey) authority() bool { return k.peer == nil && !k.via.Encrypted() }

// upstreams holds the servers with connections that stay open.
type upstreams struct {
	owner background

	mu       sync.Mutex
	known    map[upstreamKey]upstream // guarded by mu
	sessions tls.ClientSessionCache   // guarded by mu until it is set; safe for concurrent use
}

// upstream asks one server.
type upstream interface {
	// exchange returns the reply with the ID of the query.
	exchange(ctx context.Context, query []byte) ([]byte, error)
	// lastAsked returns when exchange was called last.
	lastAsked() time.Time
	// close ends the connections. It does not wait for them.
	close()
}

// get returns the upstream of a key.
func (u *upstreams) get(k upstreamKey, g *guard.Guard, l *ledger.Ledger) upstream {
	u.mu.Lock()
	defer u.mu.Unlock()
	if up, ok := u.known[k]; ok {
		return up
	}
	if u.known == nil {
		u.known, u.sessions = map[upstreamKey]upstream{}, tls.NewLRUClientSessionCache(maxUpstreams)
		u.owner.guard, u.owner.ledger = g, l
	}
	u.makeRoom()
	up := table[k.via].by.(keeper).upstream(k, u.tls(k), &u.owner)
	u.known[k] = up
	return up
}

// makeRoom closes upstreams that were not asked for upstreamIdle. If all are in use it closes the
// one that was asked longest ago. The caller holds mu.
func (u *upstreams) makeRoom() {
	if len(u.known) < maxUpstreams {
		return
	}
	var oldest upstreamKey
	last, idle := time.Now(), time.Now().Add(-upstreamIdle)
	for k, up := range u.known {
		switch asked := up.lastAsked(); {
		case asked.Before(idle):
			up.close()
			delete(u.known, k)
		case asked.Before(last):
			oldest, last = k, asked
		}
	}
	if up, ok := u.known[oldest]; ok && len(u.known) >= maxUpstreams {
		limit.Upstreams.Met()
		up.close()
		delete(u.known, oldest)
	}
}

// Close ends the connections that are kept open and the idle sockets, and waits for their
// goroutines. Questions on such connections end with an error.
func (n *NetExchanger) Close() {
	n.asking().close()
	n.named.close()
	n.authorities.close()
}

// KeepsConnections reports whether connections to servers over the protocol are counted, see
// [NetExchanger.Connections]. Those of QUIC and HTTP are their libraries'.
func (p Protocol) KeepsConnections() bool {
	return p.Upstream() && p.Stream() && !p.HTTP() && p.Network() == "tcp"
}

// ConnectionCounts are counts of the connections to servers over one transport.
type ConnectionCounts struct {
	Open   int64  // now
	Opened uint64 // connections
	Reused uint64 // questions on a connection that was there
	Again  uint64 // questions asked again, as such a connection ended
}

// Connections returns the counts of the connections that stay open over a protocol.
func (n *NetExchanger) Connections(p Protocol) (sum ConnectionCounts) {
	for _, u := range []*upstreams{&n.named, &n.authorities} {
		c := u.owner.countsOf(p)
		sum.Open += c.open.Load()
		sum.Opened += c.opened.Load()
		sum.Reused += c.reused.Load()
		sum.Again += c.again.Load()
	}
	return sum
}

// drop closes the connections that are kept, so that the next questions have new ones. Questions
// under way on them are asked again.
func (u *upstreams) drop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for k, up := range u.known {
		up.close()
		delete(u.known, k)
	}
}

func (u *upstreams) close() {
	u.owner.end()
	u.drop()
	u.owner.wg.Wait()
}

// keptOpen implements querier for protocols whose connections stay open.
type keptOpen struct{}

// ask implements querier.
func (keptOpen) ask(ctx context.Context, n *NetExchanger, r Request,
	deadline time.Time) ([]byte, error) {
	return n.kept(ctx, &r, deadline)
}

// kept asks a server over a connection that stays open.
func (n *NetExchanger) kept(ctx context.Context, r *Request, deadline time.Time) ([]byte, error) {
	bounded, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	k, of := upstreamKey{r.Via, r.Server, r.Peer}, &n.named
	if k.authority() {
		of = &n.authorities
	}
	return of.get(k, n.Guard, n.Ledger).exchange(bounded, r.Query)
}

// tls returns what handshakes with a server are made by. Without a Peer no identity is checked (RFC
// 9539, section 4.6.3.4: opportunistic encryption does not authenticate). It is nil where nothing
// is encrypted.
func (u *upstreams) tls(k upstreamKey) *identities {
	if !k.via.Encrypted() {
		return nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: u.sessions,
		ServerName: k.server.Addr().String()}
	if !k.via.HTTP() { // the HTTP libraries add theirs
		c.NextProtos = []string{k.via.ALPN()}
	}
	if k.peer == nil {
		c.InsecureSkipVerify = true
		return &identities{current: c}
	}
	if k.peer.Name != "" {
		c.ServerName = k.peer.Name
	} else {
		c.InsecureSkipVerify = true // the pin is verified instead
	}
	if len(k.peer.Pins) > 0 {
		c.VerifyConnection = k.peer.verify
	}
	return &identities{peer: k.peer, current: c}
}

// identities are the settings by which a server is spoken to. Those of the next handshake are with
// what the files of its Peer hold at the moment; connections that are open stay as they are until
// [NetExchanger.Renew].
type identities struct {
	peer *Peer // nil: no identity is checked

	mu      sync.Mutex
	current *tls.Config      // the last ones; guarded by mu, as is all below
	roots   *x509.CertPool   // of current
	own     *tls.Certificate // the same
}

// next returns the settings of the next handshake. No session is resumed that began with another
// certificate, as the server would know us by that one, or with other authorities, as TLS would not
// ask again who issued the server's.
func (i *identities) next() *tls.Config {
	if i.peer == nil {
		return i.current
	}
	roots, own := i.peer.Roots.Pool(), i.peer.Certificate.Certificate()
	i.mu.Lock()
	defer i.mu.Unlock()
	if roots == i.roots && own == i.own {
		return i.current
	}
	i.roots, i.own = roots, own
	i.current = i.current.Clone()
	i.current.RootCAs, i.current.Certificates = roots, nil
	if own != nil {
		i.current.Certificates = []tls.Certificate{*own}
	}
	i.current.ClientSessionCache = tls.NewLRUClientSessionCache(maxUpstreamConns)
	return i.current
}

// verify checks for a pinned key: the server's own, or one in a verified chain.
func (p *Peer) verify(s tls.ConnectionState) error {
	candidates := s.PeerCertificates[:min(1, len(s.PeerCertificates))]
	for _, chain := range s.VerifiedChains {
		candidates = append(slices.Clip(candidates), chain...)
	}
	for _, c := range candidates {
		if slices.Contains(p.Pins, sha256.Sum256(c.RawSubjectPublicKeyInfo)) {
			return nil
		}
	}
	return ErrIdentity
}

// identity converts TLS's certificate errors into ErrIdentity.
func identity(err error) error {
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return errors.Join(ErrIdentity, err)
	}
	return err
}

// withID returns a copy of a message with another ID.
func withID(msg []byte, hi, lo byte) []byte {
	c := slices.Clone(msg)
	c[0], c[1] = hi, lo
	return c
}
