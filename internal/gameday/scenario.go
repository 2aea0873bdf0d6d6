// Package gameday breaks zones of a lab before a running resolver, and measures how long it takes
// until the metrics show it, an alert fires, an explanation names the link, and, after the repair,
// until names resolve again, the incident is over and the alert ends.
package gameday

import "bailiwick/internal/lab"

// Step is a fault at a zone or at a name server.
type Step struct {
	At    string
	Fault lab.Fault
}

// Scenario is something that goes wrong, and how it has to be seen.
type Scenario struct {
	Name  string // in reports
	Zone  string // at fault
	Ask   string // whose address clients ask for
	Steps []Step
	Cause string // in metrics, incidents and explanations
	Link  string // the kind of the link that an explanation has to name
	Alert string // that fires

	// Early are faults before Steps that no client notices. Finding is what the watch of the zone
	// has to find then; an alert has to fire for it.
	Early   []Step
	Finding string
}

// findings is the alert for what the watch of a zone finds.
const findings = "BailiwickWatchedZoneFindings"

// all returns all faults.
func (s *Scenario) all() []Step { return append(s.Early[:len(s.Early):len(s.Early)], s.Steps...) }

// Scenarios returns those of a game day. Their zones are those of [lab.Internet].
func Scenarios() []Scenario {
	const brokenZone = "BailiwickBrokenZone"
	return []Scenario{
		{Name: "expired-signatures", Zone: "bank.example.", Ask: "www.bank.example.",
			Steps: []Step{{"bank.example.", lab.Expired}},
			Cause: "signature_expired", Link: "signature", Alert: brokenZone},
		{Name: "ds-mismatch", Zone: "shop.example.", Ask: "www.shop.example.",
			Steps: []Step{{"shop.example.", lab.DSMismatch}},
			Cause: "ds_mismatch", Link: "ds", Alert: brokenZone},
		// No client notices a server with the old key before the one with the new is lost.
		{Name: "partial-key-rollout", Zone: "post.example.", Ask: "www.post.example.",
			Early: []Step{{"post.example.", lab.PartialRollout}}, Finding: "keys-differ",
			Steps: []Step{{"ns1.post.example.", lab.Refusing}},
			Cause: "ds_mismatch", Link: "ds", Alert: brokenZone},
		{Name: "stuck-registrar", Zone: "bank.example.", Ask: "www.bank.example.",
			Steps: []Step{{"bank.example.", lab.StuckRegistrar}},
			Cause: "ds_mismatch", Link: "ds", Alert: brokenZone},
		{Name: "split-horizon", Zone: "shop.example.", Ask: "www.shop.example.",
			Steps: []Step{{"shop.example.", lab.SplitHorizon}},
			Cause: "dnskey_missing", Link: "ds", Alert: brokenZone},
		{Name: "wrong-clock", Zone: ".", Ask: "www.post.example.",
			Steps: []Step{{".", lab.ClockBehind}},
			Cause: "clock_behind", Link: "dnskey", Alert: "BailiwickClockWrong"},
	}
}
