// Package coredns is a plugin of CoreDNS that resolves names from the root, or by forwarders, and
// validates them. README.md describes its directive and how it is built in.
package coredns

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	"bailiwick"
)

// name is that of the directive.
const name = "bailiwick"

// handler answers the questions for some zones.
type handler struct {
	next     plugin.Handler
	zones    []string
	config   bailiwick.Config
	resolver *bailiwick.Resolver // from start to stop
}

// start makes the resolver.
func (h *handler) start() (err error) {
	h.resolver, err = bailiwick.New(h.config)
	return err
}

// stop ends all questions.
func (h *handler) stop() error {
	h.resolver.Close()
	return nil
}

// Name implements plugin.Handler.
func (h *handler) Name() string { return name }

// Ready implements ready.Readiness: it reports whether a name of the first zone can be resolved.
// CoreDNS asks until it is so once.
func (h *handler) Ready() bool {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	_, err := h.resolver.Resolve(ctx, h.zones[0], bailiwick.TypeNS)
	return err == nil
}

// readyTimeout is how long a question of Ready may take. Probes of Kubernetes wait for one second
// unless they are told otherwise.
const readyTimeout = 800 * time.Millisecond

// ServeDNS implements plugin.Handler.
func (h *handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, q *dns.Msg) (int, error) {
	state := request.Request{W: w, Req: q}
	if plugin.Zones(h.zones).Matches(state.Name()) == "" {
		return plugin.NextOrFailure(name, h.next, ctx, w, q)
	}
	switch {
	case state.QClass() != dns.ClassINET:
		return dns.RcodeRefused, nil
	case !q.RecursionDesired:
		m := new(dns.Msg).SetRcode(q, dns.RcodeRefused)
		m.RecursionAvailable = true
		explain(m, q, notRecursive)
		return dns.RcodeSuccess, w.WriteMsg(m)
	}
	client, _ := netip.ParseAddr(state.IP()) // the zero address is no client's in particular
	server, began := metrics.WithServer(ctx), time.Now()
	a, err := h.resolver.Ask(ctx, bailiwick.Question{Name: state.QName(),
		Type: bailiwick.Type(state.QType()), DNSSEC: state.Do(),
		CheckingDisabled: q.CheckingDisabled, Client: client})
	duration.WithLabelValues(server).Observe(time.Since(began).Seconds())
	var f *bailiwick.Failure
	switch {
	case errors.As(err, &f):
		failures.WithLabelValues(server, f.Cause).Inc()
		answers.WithLabelValues(server, f.Status.String()).Inc()
		return dns.RcodeSuccess, w.WriteMsg(failed(q, f))
	case err != nil: // such as a transfer
		return dns.RcodeNotImplemented, nil
	}
	answers.WithLabelValues(server, a.Status.String()).Inc()
	m, err := reply(q, a, state.Do())
	if err != nil {
		return dns.RcodeServerFailure, plugin.Error(name, err)
	}
	return dns.RcodeSuccess, w.WriteMsg(m)
}

// notRecursive is why a query without RD is refused: it would have to be answered from the cache,
// which is nobody's business but that of who asked (RFC 8914, section 4.21).
var notRecursive = &bailiwick.Failure{Extended: &bailiwick.ExtendedError{
	Code: dns.ExtendedErrorCodeNotAuthoritative, Text: "recursion is not desired"}}

// failed returns the response for a name that cannot be resolved. It is written here, and not left
// to CoreDNS by the return value of ServeDNS, as that has no place for the reason.
func failed(q *dns.Msg, f *bailiwick.Failure) *dns.Msg {
	m := new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
	m.RecursionAvailable = true
	explain(m, q, f)
	return m
}

// reply returns the response with an answer.
func reply(q *dns.Msg, a *bailiwick.Answer, do bool) (m *dns.Msg, err error) {
	m = new(dns.Msg).SetRcode(q, int(a.RCode))
	if a.Compact && do {
		// Who validates reads NODATA in the proof, unless it knows better (RFC 9824, section 5.1).
		m.Rcode = dns.RcodeSuccess
	}
	m.RecursionAvailable = true
	// Those who ask for it get AD, by AD or DO (RFC 6840, section 5.8).
	m.AuthenticatedData = a.Status == bailiwick.Secure && (do || q.AuthenticatedData)
	if m.Answer, err = parse(a.Records, q.Question[0].Name); err != nil {
		return nil, err
	}
	if m.Ns, err = parse(a.Authority, q.Question[0].Name); err != nil {
		return nil, err
	}
	explain(m, q, a.Why)
	return m, nil
}

// explain adds an Extended DNS Error to a response if the query has EDNS (RFC 8914, section 3).
func explain(m, q *dns.Msg, f *bailiwick.Failure) {
	if q.IsEdns0() == nil || f == nil || f.Extended == nil {
		return
	}
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	opt.Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: f.Extended.Code, ExtraText: f.Extended.Text}}
	m.Extra = append(m.Extra, opt) // its size and flags are written when the message leaves
}

// parse returns records as package dns has them. What belongs to the question's name is written as
// the client wrote that.
func parse(records []bailiwick.Record, qname string) (out []dns.RR, err error) {
	for _, r := range records {
		owner := r.Name
		if strings.EqualFold(owner, qname) {
			owner = qname
		}
		rr, _, err := dns.UnpackRRWithHeader(dns.RR_Header{Name: owner, Rrtype: uint16(r.Type),
			Class: dns.ClassINET, Ttl: r.TTL, Rdlength: uint16(len(r.Data))}, r.Data, 0)
		if err != nil {
			return nil, err
		}
		out = append(out, rr)
	}
	return out, nil
}
