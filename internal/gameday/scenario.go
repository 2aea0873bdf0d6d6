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
}

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
		// Nobody notices a server with the old key before the one with the new is lost.
		{Name: "partial-key-rollout", Zone: "post.example.", Ask: "www.post.example.",
			Steps: []Step{{"post.example.", lab.PartialRollout},
				{"ns1.post.example.", lab.Refusing}},
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
