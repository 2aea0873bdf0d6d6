// Queries that are signed with a key of a view (RFC 8945).

package server

import (
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/policy"
	"bailiwick/internal/tsig"
	"bailiwick/wire"
)

// SignedView is the view of clients that sign with a key.
type SignedView struct {
	Key  *tsig.Key
	View *policy.View
}

// signature is the signature of a query, and what is wrong with it.
type signature struct {
	request wire.TSIG
	key     *tsig.Key // nil: the response is not signed
	err     tsig.Error
}

// signable reports whether the query's TSIG record is looked at. Where there are no keys each is
// unknown (RFC 8945, section 5.2.1): who signs believes no response without a signature, and learns
// why. BIND 9.18 does the same; Unbound 1.17 answers FORMERR, and Knot Resolver 5.6 and PowerDNS
// Recursor 4.8 an answer that the client has to pass over.
func (r *request) signable() bool { return r.q.TSIG != 0 && r.err == nil }

// signed verifies the signature of a query, if there is one: it chooses the view, whatever the
// client's address. Whether the client may ask at all has been decided by its address.
func (r *request) signed() bool {
	if !r.signable() {
		return false
	}
	t, err := wire.ParseTSIG(r.packet, r.q.TSIG)
	if err != nil || r.q.TSIG != r.q.Last || r.q.ARCount == 0 {
		// RFC 8945, section 5.1: one record, the last of the additional section
		return r.rejectSigned(wire.RCodeFormErr, tsig.FormErr)
	}
	t.MAC = append([]byte(nil), t.MAC...)
	r.sig = &signature{request: t, err: tsig.BadKey}
	if own, ok := r.rules.Keys[t.Key]; ok {
		switch r.sig.err = own.Key.Verify(r.packet, &t, r.today()); r.sig.err {
		case tsig.Good:
			r.sig.key, r.view = own.Key, own.View
			r.countView()
			return false
		case tsig.FormErr:
			r.sig = nil
			return r.rejectSigned(wire.RCodeFormErr, tsig.FormErr)
		case tsig.BadTime, tsig.BadTrunc:
			r.sig.key = own.Key // sections 5.2.3 and 5.2.4
		}
	}
	return r.rejectSigned(wire.RCodeNotAuth, r.sig.err)
}

// rejectSigned answers a query whose signature is wrong, if the rates of its client allow it: who
// signs wrongly may have forged the address, too.
func (r *request) rejectSigned(rc wire.RCode, e tsig.Error) bool {
	r.countView()
	if r.rates() {
		return true
	}
	r.server.observe.Refused(cause.RequestSignature)
	return r.reject(rc, cause.New(cause.RequestSignature, nil, "%s", e))
}

// sealed returns the response with a signature, if the query has one.
func (r *request) sealed(answer []byte) []byte {
	if r.sig == nil || len(answer) < wire.HeaderLen {
		return answer
	}
	s := r.sig
	if s.key == nil {
		return tsig.Unsigned(answer, &s.request, s.err, r.today())
	}
	return s.key.Sign(answer, &s.request, s.err, r.today())
}

// sealLen returns how many octets the signature of the response may take.
func (r *request) sealLen() int {
	if r.sig == nil {
		return 0
	}
	return tsig.Len(&r.sig.request)
}

// today is the time of day.
func (r *request) today() time.Time { return clock.Wall(r.server.clock) }
