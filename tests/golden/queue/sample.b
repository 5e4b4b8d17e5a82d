
body: is no header

end
