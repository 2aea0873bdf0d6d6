// The command presets.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"bailiwick/internal/preset"
)

// presetWay is a transport of a preset as --json prints it.
type presetWay struct {
	Transport string `json:"transport"`
	TLSName   string `json:"tls_name"`
	Path      string `json:"path,omitempty"` // of HTTPS
	Port      uint16 `json:"port"`
}

// presetRow is a preset as --json prints it.
type presetRow struct {
	Name       string      `json:"name"`
	Operator   string      `json:"operator"`
	Addresses  []string    `json:"addresses"`
	Transports []presetWay `json:"transports"` // in the order that they are used in
	Filters    string      `json:"filters"`
	DNSSEC     string      `json:"dnssec"`
	ECS        string      `json:"ecs"`
	Logging    string      `json:"logging"`
	Sources    []string    `json:"sources"`
	Checked    string      `json:"checked"` // a date
}

func presetRowOf(p preset.Preset) presetRow {
	r := presetRow{Name: p.Name, Operator: p.Operator, Filters: p.Filters, DNSSEC: p.DNSSEC,
		ECS: p.ECS, Logging: p.Logging, Sources: p.Sources, Checked: p.Checked}
	for _, a := range p.Addrs {
		r.Addresses = append(r.Addresses, a.String())
	}
	for _, w := range p.Ways {
		r.Transports = append(r.Transports, presetWay{w.Via.String(), w.Name, w.Path, w.Via.Port()})
	}
	return r
}

func presetsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "presets [NAME]",
		Short: "List public resolvers that a forward zone can name",
		Long: "List the public resolvers that a zone of resolver.forward_zones can name by " +
			"preset: where they are, over which transports, whom their certificates name, and " +
			"what their operators publish of filters, DNSSEC, clients' networks (ECS) and logs, " +
			"with the documents and the date at which these were read. With a name, that one " +
			"alone.",
		Example: "  bailiwick presets quad9\n  bailiwick presets --json",
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion,
			cobra.ShellCompDirective) {
			return preset.Names(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			all := preset.All()
			if len(args) > 0 {
				p, ok := preset.Find(args[0])
				if !ok {
					return wrongUse("there is no preset %q, but %s", args[0],
						strings.Join(preset.Names(), ", "))
				}
				all = []preset.Preset{p}
			}
			return printPresets(cmd.OutOrStdout(), all, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a list of objects")
	return cmd
}

func printPresets(w io.Writer, all []preset.Preset, asJSON bool) error {
	if asJSON {
		rows := []presetRow{}
		for _, p := range all {
			rows = append(rows, presetRowOf(p))
		}
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	}
	var b strings.Builder
	for i, p := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		r := presetRowOf(p)
		fmt.Fprintf(&b, "%s (%s)\n  addresses   %s\n", r.Name, r.Operator,
			strings.Join(r.Addresses, ", "))
		for _, t := range r.Transports {
			fmt.Fprintf(&b, "  %-11s %s%s, port %d\n", t.Transport, t.TLSName, t.Path, t.Port)
		}
		fmt.Fprintf(&b, "  filters     %s\n  DNSSEC      %s\n  ECS         %s\n  logs        %s\n",
			r.Filters, r.DNSSEC, r.ECS, r.Logging)
		for _, s := range r.Sources {
			fmt.Fprintf(&b, "  source      %s (read %s)\n", s, r.Checked)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
