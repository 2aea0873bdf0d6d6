// The manual pages, from the command line's own help.

package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"bailiwick/internal/clock"
)

// manCommand writes the manual pages. Whoever makes packages runs it.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man FOLDER",
		Short: "Write the manual pages, one for each command",
		Long: "Write the manual pages into a folder, one for each command " +
			"(bailiwick.1, bailiwick-serve.1 and so on). Their date is that of the sources, so " +
			"that the same program writes the same pages.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			date := clock.Built()
			if date.IsZero() {
				date = time.Unix(0, 0).UTC() // not built from a checkout
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &date,
				Source: fmt.Sprintf("bailiwick %s", version), Manual: "Bailiwick"},
				args[0]); err != nil {
				return fmt.Errorf("manual pages: %w", err)
			}
			return nil
		},
	}
}
