// Exceptions from validation.

package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// setInsecure reads negative trust anchors.
func setInsecure(c *Config, v value) error {
	c.Anchors.Insecure = nil
	return v.each(func(_ int, r record) error {
		zone, err := recordName(r, "name")
		if err != nil {
			return err
		}
		n := trustanchor.NegativeAnchor{Zone: zone, Reason: r.text("reason"),
			Owner: r.text("owner")}
		if text := r.text("until"); text != "" {
			if n.Ends, err = time.Parse(time.RFC3339, text); err != nil {
				return inField("until", fmt.Errorf("until: %q is not a time such as "+
					"2026-01-31T00:00:00Z", text))
			}
		}
		c.Anchors.Insecure = append(c.Anchors.Insecure, n)
		return nil
	})
}

// modes are the words for how a zone is validated, and modeOf is what each of them means.
var (
	modes  = []string{"validate", "permissive", "insecure"}
	modeOf = []trustanchor.Exception{trustanchor.None, trustanchor.Permissive,
		trustanchor.Insecure}
)

// setModes reads how zones are validated.
func setModes(c *Config, v value) error {
	c.Anchors.Zones = nil
	return v.each(func(_ int, r record) error {
		zone, err := recordName(r, "zone")
		if err != nil {
			return err
		}
		mode, err := r.choice("mode", modes)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(c.Anchors.Zones, func(o trustanchor.ZoneMode) bool {
			return o.Zone == zone
		}) {
			return inField("zone", fmt.Errorf("zone %s is given twice", zone))
		}
		c.Anchors.Zones = append(c.Anchors.Zones,
			trustanchor.ZoneMode{Zone: zone, Mode: modeOf[mode]})
		return nil
	})
}

// recordName reads a field that holds a domain name.
func recordName(r record, field string) (wire.Name, error) {
	text := strings.TrimSpace(r.text(field))
	if text == "" {
		return wire.Name{}, fmt.Errorf("an entry has no name; the root is %q", ".")
	}
	n, err := wire.ParseName(text)
	if err != nil {
		return n, inField(field, fmt.Errorf("%q is not a name: %w", text, err))
	}
	return n, nil
}
