// Command bailiwick is a validating recursive DNS resolver. See README.md.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// exitError is an error with the exit status of the process.
type exitError struct {
	error
	code int
}

// newRoot returns the command line.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "bailiwick",
		Short: "A validating recursive DNS resolver that says why",
		Long: "Bailiwick resolves names from the root, verifies every answer with DNSSEC, " +
			"and names the cause of every failure.\n\n" + exitStatuses,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	addVersionFlag(root)
	root.AddCommand(serveCommand(), queryCommand(), explainCommand(), causesCommand(),
		presetsCommand(), reportCommand(), checkCommand(), doctorCommand(), installCommand(),
		uninstallCommand(),
		ctlCommand(), configCommand(), importCommand(), labCommand(), gamedayCommand(),
		anchorCommand(), healthCommand(), announceCommand(), versionCommand(), manCommand())
	return root
}

// isProgram reports whether this process is the program, and may execute it anew: main sets it. A
// test that runs commands within itself is not.
var isProgram bool

func main() {
	isProgram = true
	if err := run(newRoot(), os.Args[1:]); err != nil {
		var exit *exitError
		if errors.As(err, &exit) {
			if exit.error != nil {
				fmt.Fprintln(os.Stderr, "bailiwick:", exit.error)
			}
			os.Exit(exit.code)
		}
		fmt.Fprintln(os.Stderr, "bailiwick:", err)
		os.Exit(1)
	}
}
