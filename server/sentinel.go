// Root key sentinel: clients can test which trust anchors we have (RFC 8509).

package server

import (
	"strconv"
	"strings"

	"bailiwick/internal/cause"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// The labels of RFC 8509, section 2, before five digits of a key tag.
const (
	sentinelPrefix = "root-key-sentinel-"
	sentinelIs     = sentinelPrefix + "is-ta-"
	sentinelNot    = sentinelPrefix + "not-ta-"
)

// sentinel turns an answer into SERVFAIL if its name claims something about our root anchors that
// is not true (RFC 8509, section 3.1).
func (r *request) sentinel(a *resolver.Answer) *resolver.Answer {
	if a.Status != wire.Secure || r.q.Has(wire.FlagCD) || r.ask.Type != wire.TypeA &&
		r.ask.Type != wire.TypeAAAA {
		return a
	}
	label := r.ask.Name.Label()
	digits, is := strings.CutPrefix(label, sentinelIs)
	if !is {
		var not bool
		if digits, not = strings.CutPrefix(label, sentinelNot); !not {
			return a
		}
	}
	tag, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || len(digits) != 5 || r.resolver().AnchorsRoot(uint16(tag)) == is {
		return a
	}
	return &resolver.Answer{Question: a.Question, RCode: wire.RCodeServFail,
		Failure: &cause.Failure{Cause: cause.Sentinel, Detail: label}}
}
