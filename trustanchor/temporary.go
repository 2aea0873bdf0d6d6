// Negative trust anchors that are added while the server runs (RFC 7646): for a while, with the
// name of whoever did it, as values.

package trustanchor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"bailiwick/wire"
)

// Temporary is a negative trust anchor that somebody has added for a while.
type Temporary struct {
	NegativeAnchor
	By   string    // who added it, as the system knows them
	Made time.Time // time of day
	Kept bool      // it holds to its end, whether the zone validates again or not
	// Checked is what the last check found, "" if there was none.
	Checked string

	ends  time.Time // age at which it ends
	check time.Time // age at which the zone is checked next
}

// ParseZone reads the name of a zone from a person. What is likely to be something else is refused:
// an address, a URL or two names.
func ParseZone(text string) (wire.Name, error) {
	text = strings.TrimSpace(text)
	n, err := wire.ParseName(text)
	_, notAddress := netip.ParseAddr(text)
	switch {
	case text == "":
		return n, fmt.Errorf("%q is not a name; the root is %q", text, ".")
	case err != nil:
		return n, fmt.Errorf("%q is not a name: %w", text, err)
	case notAddress == nil:
		return n, fmt.Errorf("%q is an address, and no name", text)
	case strings.ContainsAny(text, " \t:@,"):
		return n, fmt.Errorf("%q is not a name", text)
	}
	return n, nil
}

// refused returns why nobody adds a negative trust anchor at a name by mistake, nil if there is no
// reason: it would switch off all validation, or that of an anchor that somebody has configured.
func (s *Set) refused(n wire.Name) error {
	switch _, anchored := s.At(n); {
	case n.IsRoot():
		return errors.New("this would switch validation off for all names; --force does it")
	case anchored:
		return fmt.Errorf("zone %s has a trust anchor of its own, which this would switch off; "+
			"--force does it", n)
	}
	return nil
}

// begin returns a new one that holds from now on for so long.
func (t Temporary) begin(age, day time.Time, lifetime time.Duration) Temporary {
	t.Made, t.Ends = day.UTC().Truncate(time.Second), day.Add(lifetime).UTC().Truncate(time.Second)
	t.ends, t.check = age.Add(lifetime), age.Add(recheckEvery)
	return t
}

// resume returns one that an earlier process has added, as it holds from now on. The time of day
// may have been set meanwhile: it holds no longer than it did when it was added.
func (t Temporary) resume(age, day time.Time) Temporary {
	left := min(t.Ends.Sub(day), t.Ends.Sub(t.Made), MaxLifetime)
	t.ends, t.check = age.Add(left), age.Add(recheckEvery)
	return t
}

// saved is a Temporary as a line of the state.
type saved struct {
	Zone   string    `json:"zone"`
	Reason string    `json:"reason,omitempty"`
	Owner  string    `json:"owner,omitempty"`
	By     string    `json:"by,omitempty"`
	Made   time.Time `json:"made"`
	Ends   time.Time `json:"ends"`
	Kept   bool      `json:"kept,omitempty"`
}

// writeTemporaries writes a line for each.
func writeTemporaries(w io.Writer, list []Temporary) error {
	e := json.NewEncoder(w)
	for i := range list {
		t := &list[i]
		if err := e.Encode(saved{t.Zone.String(), t.Reason, t.Owner, t.By, t.Made, t.Ends,
			t.Kept}); err != nil {
			return err
		}
	}
	return nil
}

// readTemporaries reads what writeTemporaries wrote.
func readTemporaries(r io.Reader) (list []Temporary, err error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	for {
		var s saved
		switch err := d.Decode(&s); {
		case errors.Is(err, io.EOF):
			return list, nil
		case err != nil:
			return nil, err
		}
		zone, err := wire.ParseName(s.Zone)
		switch {
		case err != nil:
			return nil, err
		case !s.Ends.After(s.Made):
			return nil, fmt.Errorf("zone %s: it ends before it begins", zone)
		case len(list) == maxTemporary || slices.ContainsFunc(list,
			func(t Temporary) bool { return t.Zone == zone }):
			return nil, fmt.Errorf("zone %s: twice, or one too many", zone)
		}
		list = append(list, Temporary{NegativeAnchor: NegativeAnchor{Zone: zone,
			Reason: shortened(s.Reason), Owner: shortened(s.Owner), Ends: s.Ends},
			By: shortened(s.By), Made: s.Made, Kept: s.Kept})
	}
}

// shortened returns a text of at most maxText octets on one line.
func shortened(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.ToValidUTF8(text[:min(len(text), maxText)], "")
}
