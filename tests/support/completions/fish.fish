# Prints the candidates that fish shows at the end of a line.
# usage: fish.fish SCRIPT LINE
source $argv[1]
complete --do-complete="$argv[2]"
