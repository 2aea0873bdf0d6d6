// Who may ask.

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"bailiwick/internal/policy"
)

// bindAccess ties a key to who may ask.
func bindAccess() binding {
	return binding{
		set: func(c *Config, v value) (err error) {
			c.Policy.Access.Replace = v.bool
			if c.Policy.Access.Own, err = accessRules(v.list); c.Given("policy.access.rules") {
				err = inField("rules", err)
			}
			return err
		},
		get: func(c *Config) value {
			v := value{bool: c.Policy.Access.Replace}
			for _, r := range c.Policy.Access.Own {
				v.list = append(v.list, r.String())
			}
			return v
		},
	}
}

// readAccess reads a list of networks with actions, or a map of one and of whether it replaces what
// holds by default.
func readAccess(n ast.Node) (v value, err error) {
	values, ok := mapping(n)
	if !ok {
		v.list, err = stringList(n, ruleText)
		return v, err
	}
	var errs []error
	for _, f := range values {
		switch field := scalar(f.Key); field {
		case "replace":
			if v.bool, err = parseBool(scalar(f.Value)); err != nil {
				errs = append(errs, inField(field, fmt.Errorf("replace: %q is not true or false",
					scalar(f.Value))))
			}
		case "rules":
			v.list, err = stringList(f.Value, ruleText)
			errs = append(errs, inField(field, err))
		default:
			errs = append(errs, fmt.Errorf("unknown field %s; wants a list of networks with "+
				"actions, or {replace, rules}%s", field,
				didYouMean(Nearest(field, []string{"replace", "rules"}))))
		}
	}
	return v, errors.Join(errs...)
}

// WhoMayAsk tells what policy.access comes to, in words.
func (c *Config) WhoMayAsk() string {
	networks := map[policy.Action][]string{}
	rules := c.Policy.Access.Rules()
	for i, r := range rules {
		if !slices.ContainsFunc(rules[i+1:], func(o policy.Rule) bool { return o.Net == r.Net }) {
			networks[r.Action] = append(networks[r.Action], r.Net.String())
		}
	}
	var parts []string
	for _, a := range policy.Actions() {
		if len(networks[a]) > 0 {
			parts = append(parts, a.String()+" "+strings.Join(networks[a], ", "))
		}
	}
	return strings.Join(append(parts, "refuse all others"), "; ")
}
