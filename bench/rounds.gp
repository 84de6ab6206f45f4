# SPDX-License-Identifier: Apache-2.0
#
# Draws what report.pl writes: `data` has one block of ratios for each of `panels`, in which
# each of `columns` contestants has three columns: median, lowest, highest.
set terminal svg size 1200,1500 font 'sans,13' background 'white'
set output picture
set style data histograms
set style histogram errorbars gap 2 lw 1
set style fill solid 0.8
set grid ytics
set key outside right top noenhanced
set multiplot layout words(panels),1 \
    title 'Ratio to mod\_proxy\_fcgi by hand: median of the rounds, lowest and highest'
do for [panel = 1:words(panels)] {
    set title word(panels, panel) noenhanced
    set yrange [0:top]
    plot for [i = 1:columns] data index panel - 1 \
        using (column(3 * i - 1)):(column(3 * i)):(column(3 * i + 1)):xticlabels(1) \
        title columnheader(3 * i - 1)
}
