package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"bailiwick/internal/cause"
	"bailiwick/internal/config"
)

// causeRow is a cause as --json prints it.
type causeRow struct {
	Label   string  `json:"label"`
	Kind    string  `json:"kind"`
	EDE     *uint16 `json:"ede"` // null: none
	Meaning string  `json:"meaning"`
	By      string  `json:"by"`
	Remedy  string  `json:"remedy"`
	Shows   string  `json:"shows"`
	Runbook string  `json:"runbook"` // a section of the documentation
	// ServFail reports whether a query can end in SERVFAIL for it.
	ServFail bool `json:"servfail"`
}

func causeRowOf(c cause.Cause) causeRow {
	row := causeRow{c.Label(), c.Kind().String(), nil, c.Text(), c.By().String(), c.Hint(),
		c.Shows(), runbookOf(c.Kind()), c.Fails()}
	if code, ok := c.EDE(); ok {
		row.EDE = &code
	}
	return row
}

// runbookTitle is the title of the section of docs/runbooks.md for a kind of cause, and runbookOf
// refers to it as links do.
func runbookTitle(k cause.Kind) string { return "Causes: " + k.String() }

func runbookOf(k cause.Kind) string { return "docs/runbooks.md#causes-" + k.String() }

func causesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "causes [LABEL]",
		Short: "List why queries fail or are not served as asked, with remedies",
		Long: "List the causes for which queries fail or are not served as asked: the label in " +
			"metrics and logs, the code of the Extended DNS Error (RFC 8914), who has to act, " +
			"the remedy, the command that shows it, and the runbook. With a label, that cause " +
			"alone.",
		Example: "  bailiwick causes ds_mismatch\n  bailiwick causes --json",
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion,
			cobra.ShellCompDirective) {
			return causeLabels(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			causes := cause.All()
			if len(args) > 0 {
				c, ok := cause.Parse(args[0])
				if !ok {
					return unknownCause(args[0])
				}
				causes = []cause.Cause{c}
			}
			return printCauses(cmd.OutOrStdout(), causes, asJSON, len(args) > 0)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON: a list of objects, or one")
	return cmd
}

func causeLabels() (labels []string) {
	for _, c := range cause.All() {
		labels = append(labels, c.Label())
	}
	return labels
}

func unknownCause(label string) error {
	meant := ""
	if n := config.Nearest(label, causeLabels()); n != "" {
		meant = "; did you mean " + n + "?"
	}
	return wrongUse("%q is not a cause%s", label, meant)
}

// printCauses prints a table of causes, or all that there is to know of one.
func printCauses(out io.Writer, causes []cause.Cause, asJSON, one bool) error {
	rows := make([]causeRow, len(causes))
	for i, c := range causes {
		rows[i] = causeRowOf(c)
	}
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		if one {
			return e.Encode(rows[0])
		}
		return e.Encode(rows)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !one {
		fmt.Fprintln(t, "LABEL\tKIND\tEDE\tWHO\tMEANING")
	}
	for _, r := range rows {
		ede := "-"
		if r.EDE != nil {
			ede = fmt.Sprint(*r.EDE)
		}
		if !one {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", r.Label, r.Kind, ede, r.By, r.Meaning)
			continue
		}
		fmt.Fprintf(t, "%s:\t%s\nkind:\t%s\nEDE:\t%s\nwho has to act:\t%s\nremedy:\t%s\n"+
			"shown by:\t%s\nrunbook:\t%s\n", r.Label, r.Meaning, r.Kind, ede, r.By, r.Remedy,
			r.Shows, r.Runbook)
	}
	return t.Flush()
}
