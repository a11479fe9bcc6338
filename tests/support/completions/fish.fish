# Prints the candidates that fish shows at the end of each line, and "end of
# line" after each.
# usage: fish.fish SCRIPT LINE...
source $argv[1]
for line in $argv[2..-1]
    complete --do-complete="$line"
    echo end of line
end
