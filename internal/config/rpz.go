// Response policy zones.

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"bailiwick/internal/cause"
	"bailiwick/internal/rpz"
	"bailiwick/secondary"
	"bailiwick/wire"
)

// PolicyZone is a response policy zone, as the file has it.
type PolicyZone struct {
	HeldZone
	Policy rpz.Zone // without rules
}

var policyFields = []string{"name", "primaries[]", "tsig", "tls_name", "tls_ca/", "url", "file/",
	"zonemd", "notify_from[]", "action", "target", "break_dnssec", "wait_recurse", "log", "reason"}

// policyActions are the choices of the action of a policy zone.
func policyActions() []string {
	words := []string{rpz.Given}
	for _, a := range rpz.Actions() {
		words = append(words, a.String())
	}
	return words
}

// reasons are the choices of what clients are told of blocked names.
var reasons = []string{"blocked", "censored", "filtered", "none"}

// reasonCauses are their causes.
var reasonCauses = [...]cause.Cause{cause.Blocked, cause.Censored, cause.Filtered, cause.None}

func setPolicyZones(c *Config, v value) error {
	c.RPZ = nil
	return v.each(func(i int, r record) error {
		z, err := policyZone(r)
		z.Key = Item("policy.rpz", i)
		if !z.Name.IsZero() && slices.ContainsFunc(c.RPZ,
			func(o PolicyZone) bool { return o.Name == z.Name }) {
			return errors.Join(err, inField("name", fmt.Errorf("zone %s is given twice", z.Name)))
		}
		if len(c.RPZ) == secondary.MaxZones {
			return fmt.Errorf("there may be %d zones at most", secondary.MaxZones)
		}
		c.RPZ = append(c.RPZ, z)
		return err
	})
}

func policyZone(r record) (z PolicyZone, err error) {
	if r.text("zonemd") == "" {
		r["zonemd"] = []string{"off"} // such zones are in no tree that could prove anything
	}
	held, err := heldZone(r)
	errs := []error{err}
	z.HeldZone = held
	z.Zone.Policy, z.Policy.Name = true, z.Name
	for field, to := range map[string]*bool{"break_dnssec": &z.Policy.BreakDNSSEC,
		"wait_recurse": &z.Policy.WaitRecurse, "log": &z.Policy.Log} {
		if *to, err = truth(r, field); err != nil {
			errs = append(errs, inField(field, err))
		}
	}
	errs = append(errs, z.setAction(r))
	if r.text("reason") != "" {
		i, err := r.choice("reason", reasons)
		errs = append(errs, err)
		z.Policy.Reason = reasonCauses[max(0, i)]
	} else {
		z.Policy.Reason = cause.Blocked
	}
	return z, errors.Join(errs...)
}

// setAction reads what is done in place of what the rules say.
func (z *PolicyZone) setAction(r record) error {
	action, target := 0, r.text("target")
	if r.text("action") != "" {
		var err error
		if action, err = r.choice("action", policyActions()); err != nil {
			return err
		}
	}
	if action > 0 {
		z.Policy.Overrides, z.Policy.Override = true, rpz.Action(action-1)
	}
	redirects := z.Policy.Overrides && z.Policy.Override == rpz.LocalData
	switch {
	case redirects && target == "":
		return inField("target", errors.New("action local-data needs target: the name that all "+
			"names of the zone become an alias of"))
	case !redirects && target != "":
		return inField("target", errors.New("target is for action: local-data"))
	case !redirects:
		return nil
	}
	n, err := wire.ParseName(target)
	if err != nil {
		return inField("target", fmt.Errorf("target %q: %w", target, err))
	}
	z.Policy.Target = n
	return nil
}

// policyContradictions finds policy zones that cannot be kept beside others.
func (c *Config) policyContradictions(say reporter) {
	for i := range c.RPZ {
		z := &c.RPZ[i]
		if slices.ContainsFunc(c.Held, func(o HeldZone) bool { return o.Name == z.Name }) ||
			c.LocalRoot && z.Name.IsRoot() {
			say(z.Key, "zone %s is also in zones: a zone is for policy or for iteration",
				strings.TrimSuffix(z.Name.String(), "."))
		}
	}
}
