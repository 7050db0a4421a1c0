# fish completion for dpucc-client and dpucc: what there is to offer, dpucc-client says

function __dpucc_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l program (basename $words[1])
    for line in (dpucc-client complete $program $words[2..-1] "$word" 2>/dev/null)
        if string match -q ':files ?*' -- $line
            __fish_complete_suffix "$word" (string replace ':files ' '' -- $line)
        else if string match -q ':files *' -- $line
            __fish_complete_path "$word"
        else if test "$line" = :directories
            __fish_complete_directories "$word"
        else
            echo $line
        end
    end
end

complete -c dpucc-client -f -a '(__dpucc_complete)'
complete -c dpucc -f -a '(__dpucc_complete)'
