// What a node tells of itself, once a second.

package commands

import (
	"encoding/hex"
	"time"

	"bailiwick/internal/fleet"
)

// head is what a node tells of itself. It is one value in a place of its own in the store; who
// finds another there takes another place.
type head struct {
	ID   string `json:"id"`   // of the node, for as long as it keeps its state
	Run  string `json:"run"`  // of its process
	Name string `json:"name"` // that its operator gave it
	At   int64  `json:"at"`   // time of day in milliseconds; it only rises
	// Applied is the number up to which it has applied the commands of each node, itself among
	// them, of which some hold.
	Applied map[string]uint64 `json:"applied,omitempty"`
	Failed  []failure         `json:"failed,omitempty"` // commands that it has refused
	// Heard are the processes that it has heard of for the first time lately. Who finds its own
	// among them knows that this was told after it has begun, whatever the clocks show.
	Heard   []string `json:"heard,omitempty"`
	Build   string   `json:"build,omitempty"`
	Differs string   `json:"differs,omitempty"` // digest of its versions

	alike bool // it is signed with the secret of the fleet that signs here; not told
}

// failure is a command that a node has refused.
type failure struct {
	Of  string `json:"of"` // the node that has issued it
	Seq uint64 `json:"seq"`
	Why string `json:"why"`
}

// newID returns the name of a node, or of a process, that no other has.
func newID() string { return hex.EncodeToString(random(8)) }

// isID reports whether a text is such a name.
func isID(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 8 && hex.EncodeToString(b) == s
}

// placeKey and journalKey are where the store has a head and the commands of a node; factsKey has
// what is broken there.
func placeKey(place int) string   { return "bailiwick:fleet:node:" + itoa(place) }
func journalKey(id string) string { return "bailiwick:fleet:commands:" + id }
func factsKey(id string) string   { return "bailiwick:fleet:facts:" + id }

// leaseKey is where a node claims that it makes secrets.
const leaseKey = "bailiwick:fleet:secrets"

// readHead reads one that was told lately.
func readHead(secrets []fleet.Secret, signed []byte, now time.Time) (h head, o Outcome) {
	if o = verify(secrets, aHead, maxHead, signed, &h); o != Good {
		return h, o
	}
	h.alike = isSignedBy(&secrets[0], signed)
	at := time.UnixMilli(h.At)
	switch {
	case !isID(h.ID), !isID(h.Run), !fits(h.Name, maxText), !fits(h.Build, maxText),
		!fits(h.Differs, maxText), len(h.Applied) > maxNodes, len(h.Failed) > maxFailed,
		len(h.Heard) > maxNodes:
		return h, Malformed
	case at.After(now.Add(maxSkew)):
		return h, Future
	case at.Before(now.Add(-freshTime)):
		return h, Replayed
	}
	for id := range h.Applied {
		if !isID(id) {
			return h, Malformed
		}
	}
	for _, f := range h.Failed {
		if !isID(f.Of) || !fits(f.Why, maxText) {
			return h, Malformed
		}
	}
	return h, Good
}
