# fish completion for rsc. The words come from rsc's own help texts.

set -l commands (rsc --help 2>/dev/null | string replace -rf '^  ([a-z]+) .*' '$1')

complete -c rsc -n __fish_use_subcommand -f -l help -a "$commands"
complete -c rsc -n '__fish_seen_subcommand_from run' \
	-a '(__fish_complete_command)'

for command in $commands
	rsc $command --help 2>&1 |
		string match -ar "(?:^|[] ,|[])--?[A-Za-z][A-Za-z-]*(?: [A-Z'][A-Z]*)?" |
		string replace -r '^[] ,|[]' '' | string replace "'" '' |
		sort -u | while read -l option argument
		set -l form -s (string sub -s 2 -- $option)
		string match -q -- '--*' $option
		and set form -l (string sub -s 3 -- $option)
		set -l takes
		switch "$argument"
			case ''
			case FILE
				set takes -r -F
			case DIR
				set takes -x -a '(__fish_complete_directories)'
			case '*'
				set takes -x
		end
		complete -c rsc -n "__fish_seen_subcommand_from $command" \
			$form $takes
	end
end
