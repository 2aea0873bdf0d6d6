// The keys of watched zones.

package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bailiwick/internal/watch"
	"bailiwick/resolver"
)

// watchKeys are the rows of watched zones.
var watchKeys = []key{
	{key: "watch.zones", kind: kindRecords, fields: []string{"name", "objective", "owner"},
		help: "zones that are probed on a schedule: whether they validate, how long their " +
			"signatures last, whether DS, CDS and servers agree, how far rollovers are; " +
			"objective is the part of probes that ought to succeed, such as 99.9 (percent), in " +
			"place of watch.objective; owner is whom to tell",
		binding: binding{set: setWatched}},
	{key: "watch.interval", kind: kindDuration, min: 60, max: 86400,
		help:    "how often a watched zone is probed",
		binding: bind(func(c *Config) *time.Duration { return &c.Watch.Interval })},
	{key: "watch.queries", kind: kindInt, min: 2 * resolver.MaxQueries, max: 60000,
		help: "how many queries all probes together may send in a minute; they take nothing of " +
			"the budgets of clients",
		binding: bind(func(c *Config) *int { return &c.Watch.Queries })},
	{key: "watch.objective", kind: kindString,
		help: "the part of all responses that ought not to fail validation, and of the probes " +
			"of a watched zone that ought to succeed, in percent",
		binding: binding{
			set: func(c *Config, v value) (err error) {
				c.Watch.Objective, err = objective(v.text)
				return err
			},
			get: func(c *Config) value {
				return value{text: strconv.FormatFloat(c.Watch.Objective, 'g', -1, 64)}
			},
		}},
}

// objective reads a part in percent.
func objective(s string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, "%")), 64)
	if err != nil || !(n >= 1 && n < 100) { // written so that NaN is refused
		return 0, fmt.Errorf("%q is not a percentage from 1 to below 100, such as 99.9", s)
	}
	return n, nil
}

func setWatched(c *Config, v value) error {
	c.Watch.Zones = nil
	return v.each(func(i int, r record) error {
		z, err := watchedZone(r)
		switch {
		case z.Name.IsZero():
			return err
		case slices.ContainsFunc(c.Watch.Zones,
			func(o watch.Zone) bool { return o.Name == z.Name }):
			return errors.Join(err, inField("name",
				fmt.Errorf("zone %s is given twice", z.Name)))
		case len(c.Watch.Zones) == watch.MaxZones:
			return fmt.Errorf("there may be %d watched zones at most", watch.MaxZones)
		}
		c.Watch.Zones = append(c.Watch.Zones, z)
		return err
	})
}

// watchedZone reads a zone.
func watchedZone(r record) (z watch.Zone, err error) {
	var errs []error
	z.Name, err = zoneName(r)
	errs = append(errs, err)
	if text := r.text("objective"); text != "" {
		if z.Objective, err = objective(text); err != nil {
			errs = append(errs, inField("objective", err))
		}
	}
	if z.Owner = r.text("owner"); len(z.Owner) > watch.MaxOwner {
		errs = append(errs, inField("owner",
			fmt.Errorf("it has more than %d octets", watch.MaxOwner)))
	}
	return z, errors.Join(errs...)
}
