package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"bailiwick/internal/config"
	"bailiwick/internal/migrate"
	"bailiwick/internal/snapshot"
)

// importName is the file that a conversion is checked as. All paths in it are absolute.
const importName = "/bailiwick.yaml"

func importCommand() *cobra.Command {
	from := ""
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Convert the configuration of another resolver",
		Long: "Convert a configuration of " + strings.Join(migrate.Programs(), ", ") + ", with " +
			"the files that it includes, and print it. Comments at its top say what clients see " +
			"differently, and what was left out, with the nearest key.\n\nExit status: 0 " +
			"everything is converted or not needed; 1 something that changes answers or who may " +
			"ask was left out, or the file cannot be read; 2 wrong use of the command line.",
		Example: "  bailiwick import /etc/unbound/unbound.conf > bailiwick.yaml\n" +
			"  bailiwick config check bailiwick.yaml",
		Args:       cobra.ExactArgs(1),
		SuggestFor: []string{"convert", "migrate"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if from != "" && !slices.Contains(migrate.Programs(), from) {
				return wrongUse("--from %s: the programs are %s", from,
					strings.Join(migrate.Programs(), ", "))
			}
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			result, err := migrate.Convert(path, from, checkImported)
			if err != nil {
				return err
			}
			fmt.Fprint(cmd.OutOrStdout(), result.Text)
			if result.Lost {
				return &exitError{nil, 1}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "`PROGRAM` whose file it is: "+
		strings.Join(migrate.Programs(), ", ")+" (default: told from the content)")
	return cmd
}

// checkImported finds what `config check` would.
func checkImported(text []byte) config.Findings {
	c, found := config.ReadText(importName, text)
	_, more := snapshot.Load(c)
	return append(found, more...).Sorted()
}
