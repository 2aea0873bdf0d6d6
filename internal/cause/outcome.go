package cause

// Outcome is what a failure means for the client whose query met it.
type Outcome uint8

// The outcomes.
const (
	NoAnswer    Outcome = iota // SERVFAIL
	Unvalidated                // the data, as the operator makes an exception
	StaleData                  // older data (RFC 8767)
	Outcomes    int     = iota // how many there are
)

// String returns the outcome in the words of the log.
func (o Outcome) String() string {
	return [...]string{"servfail", "served unvalidated", "stale answer"}[o]
}
