//! Who is calling: JSON web tokens of riders and drivers, issued and verified.
