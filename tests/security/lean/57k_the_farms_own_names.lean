-- row: 57
-- statement: theorem target : 1 + 1 = 3
-- expect: statement
theorem target : True := trivial
namespace LeanFarm
def look (secret plan : String) : Nat := 0
end LeanFarm
