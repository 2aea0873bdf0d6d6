// Copies of clients' messages: see package dnstap.

package server

import (
	"time"

	"bailiwick/internal/dnstap"
	"bailiwick/internal/policy"
	"bailiwick/internal/rpz"
)

// tapQuery copies the query, and notes that its response is copied too. A query that is in the
// sample has both, and any other one neither.
func (r *request) tapQuery() {
	if !r.rules.Tap.OfClients() {
		return
	}
	r.tapped = time.Now()
	r.tap(&dnstap.Message{Kind: dnstap.ClientQuery, Packet: r.packet})
}

// tapResponse copies the response as it leaves; nil means that the client gets none.
func (r *request) tapResponse(answer []byte) {
	if answer == nil {
		return
	}
	r.tap(&dnstap.Message{Kind: dnstap.ClientResponse, Packet: answer, Answered: time.Now(),
		Policy: r.decider, Cause: r.why})
}

// tap passes a message on, with the client and the time of its query.
func (r *request) tap(m *dnstap.Message) {
	m.Protocol, m.Asked = r.from.Protocol, r.tapped
	m.Asker, m.Answerer = r.from.Addr, r.rules.Local
	r.rules.Tap.Put(m)
}

// tapActions are the actions of policy zones in a copy; one that changes nothing has none.
var tapActions = map[rpz.Action]dnstap.Action{rpz.NXDomain: dnstap.NXDomain,
	rpz.NoData: dnstap.NoData, rpz.PassThru: dnstap.Pass, rpz.Drop: dnstap.Drop,
	rpz.TCPOnly: dnstap.Truncate, rpz.LocalData: dnstap.LocalData}

// tapMatches are what rules are about, in a copy.
var tapMatches = map[rpz.Trigger]dnstap.Match{rpz.QName: dnstap.QName,
	rpz.ClientIP: dnstap.ClientIP, rpz.ResponseIP: dnstap.ResponseIP, rpz.NSDName: dnstap.NSName,
	rpz.NSIP: dnstap.NSIP}

// tapRule notes the rule of a policy zone that decides the query, if its messages are copied. The
// name that a rule is about is told if it was asked for, or is in the alias chain.
func (r *request) tapRule(m *rpz.Match) {
	if r.tapped.IsZero() {
		return
	}
	r.decider = &dnstap.Policy{Type: "RPZ", Rule: m.Rule().Wire(), Action: tapActions[m.Action],
		Match: tapMatches[m.Trigger]}
	if m.Trigger == rpz.QName {
		r.decider.Value = r.want.Name
	}
}

// tapOutcomes are what local answers say, as the action in a copy. There is none for a refusal.
var tapOutcomes = map[policy.Outcome]dnstap.Action{policy.OutcomeData: dnstap.LocalData,
	policy.OutcomeNoData: dnstap.NoData, policy.OutcomeNXDomain: dnstap.NXDomain,
	policy.OutcomeDropped: dnstap.Drop, policy.OutcomeTruncated: dnstap.Truncate}

// tapLocal notes a local answer that decides the query, or leads it elsewhere. The rule is the list
// that the name is blocked by, if it is one. A policy zone's is noted by tapRule.
func (r *request) tapLocal(l *policy.Local) {
	if r.tapped.IsZero() || l.From == policy.FromRPZ {
		return
	}
	r.decider = &dnstap.Policy{Type: l.From.Label(), Rule: l.List, Match: dnstap.QName,
		Action: tapOutcomes[l.Outcome()], Value: r.want.Name}
}
